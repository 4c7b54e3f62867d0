// Threads that are processes of a world to each other: they exchange numbers by TCP.
#include "distributed/process_group.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/distributed/operands.h"
#include "tests/distributed/process_threads.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace testing;
using distribute::ProcessGroup;
using distribute::WorldOptions;
using std::chrono::milliseconds;

void expect_none(const std::vector<std::string>& errors) {
  for (const std::string& e : errors) EXPECT_EQ(e, "");
}

void expect_in(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

template <class T>
class ProcessCollectives : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double, Half, BFloat16, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(ProcessCollectives, ElementTypes);

TYPED_TEST(ProcessCollectives, ReductionsComeToAll) {
  using T = TypeParam;
  for (const int ranks : {1, 2, 3, 4})
    expect_none(as_processes(ranks, [&](ProcessGroup& group) {
      const auto c = group.communicator();
      // Small ones travel with the call, large ones by slices.
      for (const std::size_t count : {0, 1, 3, 1000, 20001})
        for (const Reduction reduction : {Reduction::sum, Reduction::mean, Reduction::max}) {
          if (reduction == Reduction::mean && (!is_floating(dtype_of<T>()) || ranks == 3)) continue;
          for (const bool in_place : {false, true}) {
            std::vector<T> in = operands<T>(c->rank(), count), out(count);
            c->all_reduce(reduction, dtype_of<T>(), in.data(), in_place ? in.data() : out.data(), count);
            const std::vector<T>& result = in_place ? in : out;
            for (std::size_t i = 0; i < count; ++i)
              ASSERT_EQ(number(result[i]), reduced(reduction, ranks, i)) << to_string(reduction) << " " << i;
          }
        }
    }));
}

TYPED_TEST(ProcessCollectives, TheOthersMoveElements) {
  using T = TypeParam;
  for (const int ranks : {1, 2, 3})
    expect_none(as_processes(ranks, [&](ProcessGroup& group) {
      const auto c = group.communicator();
      const auto rank = static_cast<std::size_t>(c->rank());
      for (const std::size_t count : {65, 9001}) {
        for (int root = 0; root < ranks; ++root) {
          std::vector<T> data = operands<T>(c->rank(), count);
          c->broadcast(dtype_of<T>(), data.data(), count, root);
          for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(number(data[i]), operand(root, i));
        }
        std::vector<T> all(count * static_cast<std::size_t>(ranks));
        const std::vector<T> mine = operands<T>(c->rank(), count);
        c->all_gather(dtype_of<T>(), mine.data(), all.data(), count);
        for (std::size_t i = 0; i < all.size(); ++i)
          ASSERT_EQ(number(all[i]), operand(static_cast<int>(i / count), i % count));
        std::vector<T> whole = operands<T>(c->rank(), all.size()), part(count);
        c->reduce_scatter(Reduction::sum, dtype_of<T>(), whole.data(), part.data(), count);
        for (std::size_t i = 0; i < count; ++i)
          ASSERT_EQ(number(part[i]), reduced(Reduction::sum, ranks, rank * count + i));
        c->barrier();
      }
    }));
}

TEST(ProcessGroup, SumsHaveTheOrderOfTheRanksAndSixteenBitsAreRoundedOnce) {
  // (1e8 + 1) - 1e8 + 1 is 1 in f32, in this order only. In f16 itself 2048 + 1 is 2048.
  const float operands[] = {1e8f, 1, -1e8f, 1};
  expect_none(as_processes(4, [&](ProcessGroup& group) {
    const auto c = group.communicator();
    for (const std::size_t count : {1, 5000}) {
      std::vector<float> x(count, operands[c->rank()]);
      c->all_reduce(Reduction::sum, DType::f32, x.data(), x.data(), count);
      std::vector<Half> h(count, to_half(c->rank() == 0 ? 2048.0f : 1.0f));
      c->all_reduce(Reduction::sum, DType::f16, h.data(), h.data(), count);
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(x[i], 1.0f);
        ASSERT_EQ(to_float(h[i]), 2052.0f);  // 2051 in f32
      }
    }
  }));
}

TEST(ProcessGroup, TheFirstRanksMayExchangeAmongThemselves) {
  expect_none(as_processes(3, [](ProcessGroup& group) {
    EXPECT_EQ(group.size(), 3);
    EXPECT_EQ(group.on_this_machine(), 3);
    for (int round = 0; round < 20; ++round) {
      std::int64_t x = group.rank() + round;
      if (group.rank() < 2) group.communicator(2)->all_reduce(Reduction::sum, DType::i64, &x, &x, 1);
      group.communicator()->broadcast(DType::i64, &x, 1, 0);
      EXPECT_EQ(x, 1 + 2 * round);
    }
    if (group.rank() == 2) {
      EXPECT_ERROR(group.communicator(2), "at most 3 members with rank 2 among them; received 2");
    }
  }));
}

TEST(ProcessFaults, WhoeverDoesNotComeIsNamed) {
  const std::string address = free_address();
  std::string guest;
  std::thread second([&] {
    guest = message_of(
        [&] { ProcessGroup::join({.rank = 1, .size = 3, .address = address}, "cpu:0", milliseconds(1500)); });
  });
  expect_in(
      message_of([&] { ProcessGroup::join({.rank = 0, .size = 3, .address = address}, "cpu:0", milliseconds(300)); }),
      {"[rank 0 of 3 on ", "waited in vain at " + address + " for rank 2 of 3"});
  second.join();
  expect_in(guest, {"[rank 1 of 3 on ", "rank 0 says: waited in vain"});
  EXPECT_ERROR(ProcessGroup::join({.rank = 1, .size = 2, .address = free_address()}, "cpu:0", milliseconds(100)),
               "rank 0, which should be there, was not found");
}

TEST(ProcessFaults, TwoThatClaimTheSameRankOrAnotherSize) {
  const auto meet = [](const WorldOptions& guest) {
    const std::string address = free_address();
    std::thread second([&] {
      WorldOptions world = guest;
      world.address = address;
      message_of([&] { ProcessGroup::join(world, "cpu:0", milliseconds(1000)); });
    });
    std::thread third([&] {
      message_of([&] { ProcessGroup::join({.rank = 1, .size = 3, .address = address}, "cpu:0", milliseconds(1000)); });
    });
    const std::string said = message_of(
        [&] { ProcessGroup::join({.rank = 0, .size = 3, .address = address}, "cpu:0", milliseconds(1000)); });
    second.join();
    third.join();
    return said;
  };
  expect_in(meet({.rank = 1, .size = 3}), {"came as rank 1 of 3, as which one on "});
  expect_in(meet({.rank = 1, .size = 4}), {"came as rank 1 of 4 where there are 3"});
}

TEST(ProcessFaults, AReplicaThatNeverArrivesIsNamed) {
  const auto errors = as_processes(
      3,
      [](ProcessGroup& group) {
        const auto c = group.communicator();
        c->begin_step(7);
        float x = 1;
        c->all_reduce(Reduction::sum, DType::f32, &x, &x, 1);
        if (c->rank() == 1) std::this_thread::sleep_for(milliseconds(1500));
        std::vector<float> y(5);
        c->all_reduce(Reduction::sum, DType::f32, y.data(), y.data(), 5);  // rank 1 finds all it needs
        c->barrier();
      },
      milliseconds(500));
  for (const int r : {0, 2})
    expect_in(errors[static_cast<std::size_t>(r)],
              {"[rank " + std::to_string(r) + " of 3 (cpu:" + std::to_string(r) + " on ",
               "step 7, call 2: all_reduce (sum of 5 f32)", "waited 500 ms in vain for rank 1 of 3 (cpu:1 on ",
               "last heard of at step 7, call 1: all_reduce (sum of 1 f32)"});
  expect_in(errors[1], {"[rank 1 of 3 (cpu:1 on ", "step 7, call 3: barrier: rank ",
                        " gave up: step 7, call 2: all_reduce (sum of 5 f32): waited 500 ms in vain for rank 1 of 3"});
}

TEST(ProcessFaults, AReplicaThatMakesAnotherCallIsNamed) {
  for (const std::string& e : as_processes(2, [](ProcessGroup& group) {
         const auto c = group.communicator();
         std::vector<float> x(4);
         c->all_reduce(Reduction::sum, DType::f32, x.data(), x.data(), c->rank() == 0 ? 2 : 3);
       }))
    expect_in(e, {"the replicas made different calls: rank 0 call 1: all_reduce (sum of 2 f32); rank 1 call 1: "
                  "all_reduce (sum of 3 f32)"});
}

TEST(ProcessFaults, OneThatLeavesAndOneThatFails) {
  const auto left = as_processes(2, [](ProcessGroup& group) {
    if (group.rank() == 0) group.communicator()->barrier();
  });
  expect_in(left[0], {"rank 1 of 2 (cpu:1 on ", "which has made no call yet, is gone: its program has left the group"});
  const auto failed = as_processes(3, [](ProcessGroup& group) {
    if (group.rank() != 1) return group.communicator()->barrier();
    EXPECT_TRUE(group.abort("out of labels"));
    EXPECT_FALSE(group.abort("follows from it"));
    EXPECT_ERROR(group.communicator()->barrier(), "out of labels");
  });
  for (const int r : {0, 2})
    expect_in(failed[static_cast<std::size_t>(r)], {"rank 1 of 3 (cpu:1 on ", " gave up: out of labels"});
}

TEST(ProcessFaults, AnotherThreadMayEndTheWaiting) {
  const auto errors = as_processes(2, [](ProcessGroup& group) {
    const auto c = group.communicator();
    if (group.rank() == 1) return std::this_thread::sleep_for(milliseconds(400));
    std::thread other([&] {
      std::this_thread::sleep_for(milliseconds(50));
      c->abort("no more batteries");
    });
    const std::string said = message_of([&] { c->barrier(); });
    other.join();
    expect_in(said, {"call 1: barrier: no more batteries"});
  });
  expect_none(errors);
}

}  // namespace
}  // namespace strata
