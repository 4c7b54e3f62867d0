#include "core/device/background_calls.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/device/thread_pool.h"
#include "tests/support/gate.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using testing::Gate;

TEST(BackgroundCalls, GoOnBesideTheCallerOneAfterTheOther) {
  BackgroundCalls calls;
  Gate gate;
  std::vector<int> made;
  bool opened = false;
  calls.begin([&] { opened = gate.wait(), made.push_back(1); });
  const auto second = calls.begin([&] { made.push_back(2); });
  gate.open();  // the first one could not be over before
  calls.wait(second);
  EXPECT_TRUE(opened);
  EXPECT_EQ(made, (std::vector<int>{1, 2}));
  calls.wait(calls.begin([&] { made.push_back(3); }));
  EXPECT_EQ(made.back(), 3);
}

TEST(BackgroundCalls, AnErrorEndsThem) {
  BackgroundCalls calls;
  std::atomic<int> made{0};
  Gate gate;
  const auto first = calls.begin([&] { gate.wait(), throw Error("exchange", "is broken"); });
  const auto second = calls.begin([&] { ++made; });
  gate.open();
  EXPECT_ERROR(calls.wait(second), "[exchange] is broken");
  EXPECT_ERROR(calls.wait(first), "[exchange] is broken");
  EXPECT_ERROR(calls.begin([&] { ++made; }), "[exchange] is broken");
  EXPECT_EQ(made, 0);
  calls.cancel();
  calls.wait(calls.begin([&] { ++made; }));
  EXPECT_EQ(made, 1) << "afterwards they go on";
}

TEST(BackgroundCalls, WhoeverGivesUpWaitsForTheCallThatGoesOnAlone) {
  BackgroundCalls calls;
  std::atomic<int> made{0};
  std::atomic<bool> begun{false};
  calls.begin([&] {
    begun = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ++made;
    throw Error("exchange", "is broken");
  });
  calls.begin([&] { made += 10; });
  while (!begun) std::this_thread::yield();
  calls.cancel();
  EXPECT_EQ(made, 1);
  calls.cancel();  // with nothing to end
}

TEST(BackgroundCalls, TakeSmallNumbersForZeroAsKernelsDo) {
  const volatile float smallest = std::numeric_limits<float>::denorm_min();
  const auto doubled = [&] { return smallest * 2; };
  float here = 1, there = 1;
  {
    const FlushDenormals flush;
    here = doubled();
  }
  BackgroundCalls calls;
  calls.wait(calls.begin([&] { there = doubled(); }));
  EXPECT_EQ(there, here);
}

TEST(BackgroundCalls, ManyInTurn) {
  BackgroundCalls calls;
  std::uint64_t sum = 0;
  for (int round = 0; round < 200; ++round) {
    std::uint64_t last = 0;
    for (int k = 0; k < 5; ++k) last = calls.begin([&] { ++sum; });
    if (round % 3 != 0) calls.wait(last);
  }
  calls.wait(calls.begin([] {}));
  EXPECT_EQ(sum, 1000u);
}

}  // namespace
}  // namespace strata
