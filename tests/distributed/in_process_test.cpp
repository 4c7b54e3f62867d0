#include "distributed/in_process.h"

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "tests/distributed/operands.h"
#include "tests/distributed/replica_threads.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace testing;
using distribute::InProcessGroup;

template <class T>
class Collectives : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double, Half, BFloat16, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(Collectives, ElementTypes);

TYPED_TEST(Collectives, AllReduceGivesEveryReplicaTheReduction) {
  using T = TypeParam;
  for (const int ranks : {1, 2, 3, 4})
    for (const std::size_t count :
         {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{1000}, std::size_t{4097}})
      for (const Reduction reduction : {Reduction::sum, Reduction::mean, Reduction::max}) {
        if (reduction == Reduction::mean && (!is_floating(dtype_of<T>()) || ranks == 3)) continue;
        InProcessGroup group = group_of(ranks);
        for (const bool in_place : {false, true}) {
          const auto errors = on_all(group, [&](Communicator& c) {
            std::vector<T> in = operands<T>(c.rank(), count), out(count);
            c.all_reduce(reduction, dtype_of<T>(), in.data(), in_place ? in.data() : out.data(), count);
            const std::vector<T>& result = in_place ? in : out;
            for (std::size_t i = 0; i < count; ++i)
              ASSERT_EQ(number(result[i]), reduced(reduction, ranks, i)) << to_string(reduction) << " " << i;
          });
          for (const std::string& e : errors) EXPECT_EQ(e, "");
        }
      }
}

TYPED_TEST(Collectives, TheOthersMoveElements) {
  using T = TypeParam;
  const std::size_t count = 65;
  for (const int ranks : {1, 2, 3}) {
    InProcessGroup group = group_of(ranks);
    const auto errors = on_all(group, [&](Communicator& c) {
      const auto rank = static_cast<std::size_t>(c.rank());
      for (int root = 0; root < ranks; ++root) {
        std::vector<T> data = operands<T>(c.rank(), count);
        c.broadcast(dtype_of<T>(), data.data(), count, root);
        for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(number(data[i]), operand(root, i));
      }
      std::vector<T> all(count * static_cast<std::size_t>(ranks));
      const std::vector<T> mine = operands<T>(c.rank(), count);
      c.all_gather(dtype_of<T>(), mine.data(), all.data(), count);
      for (std::size_t i = 0; i < all.size(); ++i)
        ASSERT_EQ(number(all[i]), operand(static_cast<int>(i / count), i % count));
      std::vector<T> whole = operands<T>(c.rank(), all.size()), part(count);
      c.reduce_scatter(Reduction::sum, dtype_of<T>(), whole.data(), part.data(), count);
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(number(part[i]), reduced(Reduction::sum, ranks, rank * count + i));
      // A replica's own part may be in its place.
      T* own = all.data() + rank * count;
      std::copy(mine.begin(), mine.end(), own);
      c.all_gather(dtype_of<T>(), own, all.data(), count);
      for (std::size_t i = 0; i < all.size(); ++i)
        ASSERT_EQ(number(all[i]), operand(static_cast<int>(i / count), i % count));
      c.barrier();
    });
    for (const std::string& e : errors) EXPECT_EQ(e, "");
  }
}

TEST(InProcess, SumsHaveTheOrderOfTheRanksOnEveryReplica) {
  // (1e8 + 1) - 1e8 + 1 is 1 in f32, in this order only.
  const float operands[] = {1e8f, 1, -1e8f, 1};
  InProcessGroup group = group_of(4);
  for (int repetition = 0; repetition < 20; ++repetition)
    on_all(group, [&](Communicator& c) {
      float x = operands[c.rank()];
      c.all_reduce(Reduction::sum, DType::f32, &x, &x, 1);
      EXPECT_EQ(x, 1.0f);
    });
}

TEST(InProcess, SixteenBitsAreRoundedOnce) {
  // In f16 itself 2048 + 1 is 2048.
  InProcessGroup group = group_of(3);
  on_all(group, [](Communicator& c) {
    Half x = to_half(c.rank() == 0 ? 2048.0f : 1.0f);
    c.all_reduce(Reduction::sum, DType::f16, &x, &x, 1);
    EXPECT_EQ(to_float(x), 2050.0f);
  });
}

TEST(InProcess, NotANumberWins) {
  InProcessGroup group = group_of(2);
  for (const int bad : {0, 1})
    on_all(group, [&](Communicator& c) {
      double x = c.rank() == bad ? std::numeric_limits<double>::quiet_NaN() : 1.0;
      c.all_reduce(Reduction::max, DType::f64, &x, &x, 1);
      EXPECT_TRUE(std::isnan(x));
    });
}

TEST(InProcess, ManyCallsInARow) {
  InProcessGroup group = group_of(4);
  const auto errors = on_all(group, [](Communicator& c) {
    std::int64_t sum = c.rank();
    for (int i = 0; i < 500; ++i) {
      std::int64_t x = sum + i;
      c.all_reduce(Reduction::max, DType::i64, &x, &sum, 1);
      if (i % 7 == c.rank()) std::this_thread::yield();
    }
    EXPECT_EQ(sum, 3 + 499 * 500 / 2);
  });
  for (const std::string& e : errors) EXPECT_EQ(e, "");
}

TEST(InProcess, WhatItCannotReduceIsAnError) {
  InProcessGroup group = group_of(1);
  const auto c = group.communicator(0);
  std::int32_t i = 1;
  std::uint8_t b = 1;
  EXPECT_ERROR(c->all_reduce(Reduction::mean, DType::i32, &i, &i, 1), "for a mean; received i32");
  EXPECT_ERROR(c->all_reduce(Reduction::sum, DType::u8, &b, &b, 1), "received u8");
  EXPECT_ERROR(c->broadcast(DType::u8, &b, 1, 1), "expected a root below 1; received 1");
  EXPECT_ERROR(InProcessGroup({}, std::chrono::seconds(1)), "at least one replica");
}

void expect_in(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST(InProcessFaults, AReplicaThatNeverArrivesIsNamed) {
  InProcessGroup group = group_of(3, std::chrono::milliseconds(50));
  const auto errors = on_all(group, [](Communicator& c) {
    c.begin_step(7);
    float x = 1;
    c.all_reduce(Reduction::sum, DType::f32, &x, &x, 1);
    if (c.rank() == 1) return;
    std::vector<float> y(5);
    c.all_reduce(Reduction::sum, DType::f32, y.data(), y.data(), 5);
  });
  EXPECT_EQ(errors[1], "");
  for (const int r : {0, 2})
    expect_in(errors[static_cast<std::size_t>(r)],
              {"[rank " + std::to_string(r) + " of 3 (cpu:" + std::to_string(r) + " on ",
               "step 7, call 2: all_reduce (sum of 5 f32)", "waited 50 ms in vain for rank 1 of 3 (cpu:1 on ",
               "which is at step 7, call 1: all_reduce (sum of 1 f32)"});
}

TEST(InProcessFaults, AReplicaThatMakesAnotherCallIsNamed) {
  const auto fails = [](const std::function<void(Communicator&)>& call, const std::string& what) {
    InProcessGroup group = group_of(2);
    for (const std::string& e : on_all(group, call)) expect_in(e, {"the replicas made different calls: rank 0 ", what});
  };
  float x[4] = {};
  fails([&](Communicator& c) { c.all_reduce(Reduction::sum, DType::f32, x, x, c.rank() == 0 ? 2 : 3); },
        "; rank 1 call 1: all_reduce (sum of 3 f32)");
  fails([&](Communicator& c) { c.all_reduce(c.rank() == 0 ? Reduction::sum : Reduction::max, DType::f32, x, x, 1); },
        "all_reduce (max of 1 f32)");
  fails([&](Communicator& c) { c.rank() == 0 ? c.barrier() : c.broadcast(DType::f32, x, 1, 1); },
        "rank 0 call 1: barrier; rank 1 call 1: broadcast (1 f32 from rank 1)");
  fails([&](Communicator& c) { c.all_gather(c.rank() == 0 ? DType::i32 : DType::f32, x, x, 1); }, "all_gather (1 i32)");
}

TEST(InProcessFaults, AbortEndsTheWaitingAndAllThatComesAfter) {
  InProcessGroup group = group_of(3);
  const auto errors = on_all(group, [](Communicator& c) {
    if (c.rank() == 2) return c.abort("no more batteries");
    c.barrier();
  });
  expect_in(errors[0], {"[rank 0 of 3 (cpu:0 on ", "call 1: barrier: no more batteries"});
  expect_in(errors[1], {"[rank 1 of 3", "no more batteries"});
  EXPECT_ERROR(group.communicator(2)->barrier(), "no more batteries");
  group.recover();
  for (const std::string& e : on_all(group, [](Communicator& c) { c.barrier(); })) EXPECT_EQ(e, "");
}

TEST(InProcessFaults, TheFirstReasonStays) {
  InProcessGroup group = group_of(2);
  EXPECT_TRUE(group.abort_because_of(1, "out of labels"));
  EXPECT_FALSE(group.abort_because_of(0, "follows from it"));
  EXPECT_ERROR(group.communicator(0)->barrier(), "failed: out of labels");
}

TEST(InProcessFaults, CommunicatorsMayOutliveTheirGroup) {
  auto group = std::make_unique<InProcessGroup>(std::vector<std::string>{"a", "b"}, std::chrono::seconds(60));
  const auto a = group->communicator(0), b = group->communicator(1);
  group.reset();
  std::thread other([&] { b->barrier(); });
  a->barrier();
  other.join();
}

}  // namespace
}  // namespace strata
