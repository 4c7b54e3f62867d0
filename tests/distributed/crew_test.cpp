#include "distributed/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <set>
#include <stdexcept>
#include <thread>

namespace strata::distribute {
namespace {

TEST(Crew, MembersWorkAtTheSameTimeEachOnAThreadOfItsOwn) {
  Crew crew;
  for (const int members : {1, 3, 2, 4}) {
    std::latch all_there(members);  // returns only if all run at once
    std::vector<std::thread::id> threads(static_cast<std::size_t>(members));
    crew.run(members, [&](int m) {
      threads[static_cast<std::size_t>(m)] = std::this_thread::get_id();
      all_there.arrive_and_wait();
    });
    EXPECT_EQ(threads[0], std::this_thread::get_id());
    EXPECT_EQ(std::set(threads.begin(), threads.end()).size(), threads.size());
  }
}

TEST(Crew, ManyShortRounds) {
  Crew crew;
  std::atomic<int> total{0};
  for (int round = 0; round < 300; ++round) crew.run(1 + round % 4, [&](int m) { total += m + 1; });
  EXPECT_EQ(total, 75 * (1 + 3 + 6 + 10));
}

TEST(Crew, TheFirstExceptionComesBackWhenAllAreDone) {
  Crew crew;
  for (const int thrower : {0, 2}) {
    std::latch thrown(1);
    std::atomic<int> done{0};
    try {
      crew.run(3, [&](int m) {
        if (m == thrower) {
          struct CountDown {
            std::latch& latch;
            ~CountDown() { latch.count_down(); }
          } after{thrown};
          throw std::runtime_error("of " + std::to_string(m));
        }
        thrown.wait();
        ++done;
      });
      FAIL() << "no exception";
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(std::string(e.what()), "of " + std::to_string(thrower));
    }
    EXPECT_EQ(done, 2);
    crew.run(3, [&](int) { ++done; });
    EXPECT_EQ(done, 5) << "the crew goes on after an exception";
  }
}

}  // namespace
}  // namespace strata::distribute
