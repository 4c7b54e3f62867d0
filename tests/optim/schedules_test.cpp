#include "optim/schedules.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/json.h"
#include "core/compile/function.h"
#include "core/ops/ops.h"
#include "tests/support/messages.h"

namespace strata::optimizers {
namespace {

struct Case {
  std::shared_ptr<const schedules::Schedule> schedule;
  std::vector<std::pair<int, double>> expected;  // step and rate
};

template <class S>
Case make_case(const S& schedule, std::vector<std::pair<int, double>> expected) {
  return {std::make_shared<S>(schedule), std::move(expected)};
}

// From Keras 3.15.1.
std::vector<Case> cases() {
  using namespace schedules;
  return {
      make_case(ExponentialDecay(0.2, 5, 0.8), {{0, 0.2}, {1, 0.1912705}, {13, 0.11196028}, {40, 0.033554435}}),
      make_case(ExponentialDecay(0.2, 5, 0.8, {.staircase = true}), {{4, 0.2}, {5, 0.16}, {29, 0.065536007}}),
      make_case(PiecewiseConstantDecay({5, 15}, {0.3, 0.2, 0.1}), {{0, 0.3}, {5, 0.3}, {6, 0.2}, {15, 0.2}, {16, 0.1}}),
      make_case(PolynomialDecay(0.1, 10, 0.01, {.power = 0.5}),
                {{0, 0.1}, {3, 0.085299402}, {9, 0.038460501}, {30, 0.01}}),
      make_case(PolynomialDecay(0.1, 6, {.end_learning_rate = 0.01, .cycle = true}),
                {{0, 0.1}, {5, 0.025}, {6, 0.01}, {7, 0.0475}, {13, 0.035}, {40, 0.014285713}}),
      make_case(InverseTimeDecay(0.1, 3, 0.5), {{0, 0.1}, {1, 0.085714288}, {40, 0.013043479}}),
      make_case(CosineDecay(0.1, 20, {.alpha = 0.1}), {{0, 0.1}, {7, 0.075429574}, {19, 0.010554024}, {25, 0.01}}),
      make_case(CosineDecay(0.02, 12, {.warmup_target = 0.2, .warmup_steps = 4}),
                {{0, 0.02}, {1, 0.065}, {4, 0.2}, {5, 0.19659258}, {15, 0.0034074129}, {20, 0.0}}),
      make_case(CosineDecayRestarts(0.1, 6, {.m_mul = 0.9}),
                {{0, 0.1}, {5, 0.0066987309}, {6, 0.09}, {17, 0.0015333385}, {18, 0.081}, {40, 0.0013800045}}),
      make_case(CosineDecayRestarts(0.1, 4, {.t_mul = 1.0, .alpha = 0.5}),
                {{0, 0.1}, {2, 0.075}, {4, 0.1}, {6, 0.075}}),
  };
}

TEST(Schedules, AgreeWithKeras) {
  for (const Case& c : cases())
    for (const auto& [step, rate] : c.expected)
      EXPECT_NEAR(c.schedule->at(step), rate, 1e-6 * rate + 1e-8) << c.schedule->class_name() << " at " << step;
}

TEST(Schedules, TheGraphFollowsAStepThatArrivesLater) {
  const Value step = placeholder({}, DType::f64);
  for (const Case& c : cases()) {
    const Function f({step}, {(*c.schedule)(step)});
    for (const auto& [at, rate] : c.expected)
      EXPECT_NEAR(f({Tensor::scalar(static_cast<double>(at))})[0].item<double>(), rate, 1e-6 * rate + 1e-8);
  }
}

TEST(Schedules, ConfigsHaveKerasNames) {
  const Config c = schedules::CosineDecay(0.1, 20, {.alpha = 0.25}).config();
  EXPECT_EQ(c.at("initial_learning_rate").as_double(), 0.1);
  EXPECT_EQ(c.at("alpha").as_double(), 0.25);
  EXPECT_TRUE(c.at("warmup_target").is_null());
  EXPECT_EQ(schedules::PiecewiseConstantDecay({1}, {2, 3}).config().at("values").as_list().size(), 2u);
}

TEST(Schedules, ComeBackFromTheirConfigs) {
  for (const Case& c : cases()) {
    const ConfigValue saved = to_config(*c.schedule);
    EXPECT_EQ(saved.as_config().at("module").as_string(), "keras.optimizers.schedules");
    schedules::SchedulePtr again;
    from_config(saved, again);
    EXPECT_EQ(to_config(*again), saved);
    for (const auto& [step, rate] : c.expected) EXPECT_EQ(again->at(step), c.schedule->at(step)) << to_json(saved);
  }
  EXPECT_EQ(schedules::schedule_names().size(), 6u);
}

TEST(Schedules, OfKeras2HaveNullForTheNameTheyWereNotGiven) {
  for (const Case& c : cases()) {
    ConfigValue saved = to_config(*c.schedule);
    Config config = saved.as_config(), own = config.at("config").as_config();
    own.set("name", nullptr);
    config.set("config", own);
    schedules::SchedulePtr again;
    from_config(config, again);
    EXPECT_EQ(to_config(*again), saved);
  }
}

class Halving : public schedules::Schedule {
 public:
  explicit Halving(double start) : start_(start) {}
  Value operator()(const Value& step) const override { return start_ * power(0.5, step); }
  std::string class_name() const override { return "Halving"; }
  Config config() const override { return {{"start", start_}}; }

 private:
  double start_;
};

TEST(Schedules, OfOnesOwnAreRegistered) {
  EXPECT_ERROR(to_config(Halving(8)), "register_schedule(\"Halving\", ...)");
  schedules::register_schedule("Halving",
                               [](const Config& c) { return std::make_shared<Halving>(c.at("start").as_double()); });
  LearningRate rate = 0.0;
  from_config(to_config(LearningRate(Halving(8))), rate);
  EXPECT_EQ(rate.schedule()->at(2), 2.0);
}

TEST(Schedules, WrongArgumentsAreErrors) {
  EXPECT_ERROR(schedules::PiecewiseConstantDecay({1, 2}, {1, 2}), "one value more than boundaries");
  EXPECT_ERROR(schedules::CosineDecay(0.1, 0), "`decay_steps` must be > 0");
}

}  // namespace
}  // namespace strata::optimizers
