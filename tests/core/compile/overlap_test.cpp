// Exchanges that go on beside the step: where they begin and end, that kernels run meanwhile, and what is left of them
// when a step fails.
#include "core/compile/overlap.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/compile/bucket_reductions.h"
#include "core/device/communicator.h"
#include "core/ops/all_reduce.h"
#include "tests/core/compile/compile_testing.h"
#include "tests/support/gate.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace testing;

constexpr BucketSizes every_sum_alone{.first = 1, .others = 1};

Value deferred(const Value& x) { return apply(AllReduce{true}, x); }

/// Hands its operand on, and does something else beside.
struct Beside {
  std::function<void()> act;
  static constexpr std::string_view name = "beside";
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers io) const {
    act();
    std::memcpy(io.out_raw()[0], io.in_raw()[0], io.in_type(0).bytes());
  }
};

/// As if another replica had the same numbers. `before` is called within every all_reduce, with its number, before
/// anything is added up.
class Double final : public Communicator {
 public:
  explicit Double(std::function<void(int)> before = {}) : before_(std::move(before)) {}
  std::atomic<int> calls{0}, inside{0};
  bool any_thread = true;

  int rank() const override { return 0; }
  int size() const override { return 2; }
  bool takes_turns() const override { return any_thread; }
  void all_reduce(Reduction, DType, const void* in, void* out, std::size_t count) override {
    struct Inside {
      std::atomic<int>& n;
      explicit Inside(std::atomic<int>& i) : n(i) { ++n; }
      ~Inside() { --n; }
    } const here(inside);
    const int number = calls++;
    if (before_) before_(number);
    for (std::size_t i = 0; i < count; ++i) static_cast<float*>(out)[i] = 2 * static_cast<const float*>(in)[i];
  }
  void broadcast(DType, void*, std::size_t, int) override {}
  void all_gather(DType, const void*, void*, std::size_t) override {}
  void reduce_scatter(Reduction, DType, const void*, void*, std::size_t) override {}
  void barrier() override {}
  void abort(const std::string&) override {}
  void begin_step(std::int64_t) override {}

 private:
  std::function<void(int)> before_;
};

/// Two sums that variables grow by, each in a bucket of its own: the first, a product, the second, another product.
struct TwoSums {
  explicit TwoSums(const std::function<void()>& between = [] {}) {
    const Value early = exp(x), more_of_a = Value(a) + deferred(early);
    const Value product = apply(Beside{between}, matmul(x, x));
    const Value late = tanh(product), more_of_b = Value(b) + deferred(late);
    graph = bucket_reductions({{matmul(product, product)}, {{a, more_of_a}, {b, more_of_b}}}, every_sum_alone);
  }
  std::shared_ptr<const Plan> plan(std::shared_ptr<Communicator> c, PlanOptions options = {}) const {
    options.communicator = std::move(c);
    return Plan::compile({x}, graph, options);
  }

  Value x = placeholder({128, 128});
  Variable a{"a", zeros({128, 128})}, b{"b", zeros({128, 128})};
  Graph graph;
};

std::vector<std::size_t> steps_of(const Plan& plan, const std::string& op) {
  std::vector<std::size_t> found;
  for (std::size_t s = 0; s < plan.steps().size(); ++s)
    if (plan.steps()[s].op == op) found.push_back(s);
  return found;
}

Tensor input() { return counted({128, 128}, 0, 1e-4f); }

TEST(Overlap, AnExchangeGoesOnUntilItsResultIsNeeded) {
  const TwoSums step;
  const auto plan = step.plan(std::make_shared<Double>());
  const auto exchanges = steps_of(*plan, "all_reduce"), products = steps_of(*plan, "matmul");
  ASSERT_EQ(exchanges.size(), 2u) << plan->dump();
  ASSERT_EQ(products.size(), 2u) << plan->dump();
  for (const std::size_t e : exchanges) {
    const PlanStep& exchange = plan->steps()[e];
    ASSERT_TRUE(exchange.ends_at) << plan->dump();
    EXPECT_GT(*exchange.ends_at, products[1]) << "as late as can be\n" << plan->dump();
    const PlanStep& wait = plan->steps()[*exchange.ends_at];
    EXPECT_EQ(wait.op, "wait");
    EXPECT_EQ(wait.waits_for, e);
    EXPECT_EQ(wait.layer, exchange.layer);
  }
  EXPECT_LT(exchanges[0], products[0]) << plan->dump();
  EXPECT_LT(exchanges[1], products[1]) << plan->dump();
  EXPECT_EQ(*plan->steps()[exchanges[1]].ends_at, *plan->steps()[exchanges[0]].ends_at + 2)
      << "between the waits the first variable grows\n"
      << plan->dump();
}

TEST(Overlap, ThePlanShowsWhereExchangesBeginAndEnd) {
  const TwoSums step;
  const auto plan = step.plan(std::make_shared<Double>());
  const std::size_t exchange = steps_of(*plan, "all_reduce").at(0);
  const std::string begin = std::to_string(exchange), end = std::to_string(plan->steps()[exchange].ends_at.value());
  const std::string text = plan->dump(), drawn = plan->dump_graphviz();
  EXPECT_NE(text.find("all_reduce (until " + end + ")"), std::string::npos) << text;
  EXPECT_NE(text.find("wait for " + begin), std::string::npos) << text;
  EXPECT_NE(drawn.find("  s" + begin + " -> s" + end + ";"), std::string::npos) << drawn;
}

TEST(Overlap, WhatIsNeededAtOnceIsOverAtOnce) {
  const Value x = placeholder({128, 128}), s = placeholder({4});
  const Value at_once = apply(AllReduce{}, exp(x)), product = matmul(x, x);
  const Variable a("a", zeros({4})), b("b", zeros({128, 128}));
  const PlanOptions options{.communicator = std::make_shared<Double>()};
  EXPECT_FALSE(Plan::compile({x}, {{at_once + 1.0, product}, {}}, options)->overlaps()) << "not for an update";
  EXPECT_FALSE(Plan::compile({x}, {{product}, {{b, Value(b) + deferred(exp(product))}}}, options)->overlaps())
      << "nothing else is left to do";
  EXPECT_FALSE(Plan::compile({s}, {{tanh(s * 2.0)}, {{a, deferred(exp(s))}}}, options)->overlaps())
      << "too little to do";
}

TEST(Overlap, AnExchangeThatDoesNotGoOnComesAfterThoseThatDo) {
  const Value x = placeholder({128, 128}), early = deferred(exp(x)), product = matmul(x, x),
              at_once = apply(AllReduce{}, matmul(product, x));
  const Variable a("a", zeros({128, 128}));
  const Graph graph = bucket_reductions({{at_once}, {{a, Value(a) + early}}}, every_sum_alone);
  const auto plan = Plan::compile({x}, graph, {.communicator = std::make_shared<Double>()});
  const auto exchanges = steps_of(*plan, "all_reduce");
  ASSERT_EQ(exchanges.size(), 2u) << plan->dump();
  EXPECT_EQ(plan->steps()[exchanges[0]].ends_at.value_or(0) + 1, exchanges[1]) << plan->dump();
}

TEST(Overlap, IsOffWhereItCannotBe) {
  const TwoSums step;
  EXPECT_FALSE(step.plan(std::make_shared<Double>(), {.overlap = false})->overlaps());
  EXPECT_FALSE(step.plan(std::make_shared<Double>(), {.check_numerics = true})->overlaps());
  auto of_one_thread = std::make_shared<Double>();
  of_one_thread->any_thread = false;
  EXPECT_FALSE(step.plan(of_one_thread)->overlaps());
  EXPECT_FALSE(step.plan(nullptr)->overlaps());
}

TEST(Overlap, ALimitOfMemoryIsMetByExchangesInTurnFirst) {
  const TwoSums step;
  const auto communicator = std::make_shared<Double>();
  const auto beside = step.plan(communicator), in_turn = step.plan(communicator, {.overlap = false});
  ASSERT_LT(in_turn->peak_bytes(), beside->peak_bytes()) << beside->dump() << in_turn->dump();
  const auto limited = step.plan(communicator, {.memory_limit = in_turn->peak_bytes()});
  EXPECT_FALSE(limited->overlaps());
  EXPECT_FALSE(limited->recomputation());
  EXPECT_TRUE(step.plan(communicator, {.memory_limit = beside->peak_bytes()})->overlaps());
}

TEST(Overlap, AKernelRunsWhileAnExchangeGoesOn) {
  Gate kernel_has_run;
  bool seen = false;
  const TwoSums step([&] { kernel_has_run.open(); });
  const auto communicator = std::make_shared<Double>([&](int call) {
    if (call == 0) seen = kernel_has_run.wait();
  });
  Executable executable(step.plan(communicator), std::make_shared<ArenaPool>());
  for (int run = 1; run <= 3; ++run) {
    executable.run({input()});
    EXPECT_TRUE(seen) << "the kernel waited for the exchange";
    EXPECT_FLOAT_EQ(numbers(step.a.value())[5], static_cast<float>(run) * 2 * std::exp(numbers(input())[5]));
    EXPECT_EQ(communicator->inside, 0);
    communicator->calls = 0;
  }
}

TEST(Overlap, ATimerHearsOfWhatGoesOnBeside) {
  Gate exchange_has_begun, kernel_has_run;
  const TwoSums step([&] { exchange_has_begun.wait(), kernel_has_run.open(); });
  const auto plan = step.plan(std::make_shared<Double>([&](int) { exchange_has_begun.open(), kernel_has_run.wait(); }));
  Executable executable(plan, std::make_shared<ArenaPool>());
  const auto timer = make_step_timer(Device{}, plan->steps().size());
  const std::size_t kernel = steps_of(*plan, "beside").at(0);
  for (int run = 0; run < 2; ++run) {
    executable.run({input()}, timer.get());
    const StepTimes times = timer->take();
    ASSERT_EQ(times.marks.size(), plan->steps().size() + 1);
    ASSERT_EQ(times.aside.size(), 2u);
    for (std::size_t k = 0; k < 2; ++k) {
      const StepTimes::Aside& exchange = times.aside[k];
      EXPECT_EQ(exchange.step, steps_of(*plan, "all_reduce")[k]);
      EXPECT_GE(exchange.begin, times.marks[exchange.step]);
      EXPECT_GE(exchange.end, exchange.begin);
    }
    if (run > 0) continue;  // the gates are open
    EXPECT_LT(times.aside[0].begin, times.marks[kernel + 1]);
    EXPECT_GT(times.aside[0].end, times.marks[kernel]) << "both at the same time";
  }
}

TEST(Overlap, AnErrorComesOutAtTheWaitAsItWouldInTurn) {
  for (const bool overlap : {true, false}) {
    const TwoSums step;
    bool broken = true;
    const auto communicator = std::make_shared<Double>([&](int) {
      if (broken) throw Error("rank 0 of 2", "waited in vain");
    });
    Executable executable(step.plan(communicator, {.overlap = overlap}), std::make_shared<ArenaPool>());
    EXPECT_EQ(message_of([&] { executable.run({input()}); }), "[rank 0 of 2] waited in vain");
    EXPECT_EQ(communicator->calls, 1) << "no further call";
    broken = false;
    executable.run({input()});
    EXPECT_FLOAT_EQ(numbers(step.a.value())[7], 2 * std::exp(numbers(input())[7])) << "the next step is whole";
  }
}

TEST(Overlap, AStepThatFailsLeavesNoExchangeInFlight) {
  std::atomic<bool> begun{false};
  bool fails = true;
  const TwoSums step([&] {
    while (fails && !begun) std::this_thread::yield();
    if (fails) throw Error("beside", "has failed");
  });
  const auto communicator = std::make_shared<Double>([&](int) {
    begun = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  Executable executable(step.plan(communicator), std::make_shared<ArenaPool>());
  EXPECT_EQ(message_of([&] { executable.run({input()}); }), "[beside] has failed");
  EXPECT_EQ(communicator->inside, 0);
  EXPECT_EQ(communicator->calls, 1);
  fails = false;
  executable.run({input()});
  EXPECT_EQ(communicator->calls, 3);
}

}  // namespace
}  // namespace strata
