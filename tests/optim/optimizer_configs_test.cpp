#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/json.h"
#include "core/graph/names.h"
#include "tests/optim/optimizer_testing.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace optimizers;
using testing::Problem;

Optimizer read(const std::string& json) {
  Optimizer o;
  from_config(parse_json(json, "test"), o);
  return o;
}

TEST(OptimizerConfigs, EveryOptimizerComesBackAndTrainsTheSame) {
  for (const testing::OptimizerCase& c : testing::optimizer_cases()) {
    reset_names();
    const Problem problem;
    const ConfigValue saved = to_config(c.make());
    SCOPED_TRACE(to_json(saved));
    Optimizer again;
    from_config(saved, again);
    EXPECT_EQ(to_config(again), saved);
    const Function step = problem.step_of(again);
    for (const Tensors& g : problem.gradients) step(g);
    testing::expect_near(problem.weights(), c.weights);
  }
}

// As Keras 3.15.1 writes it, but for the two arguments that are left out while they are not set: Keras 2.15 refuses
// them.
TEST(OptimizerConfigs, AreKeras) {
  reset_names();
  EXPECT_EQ(
      to_json(to_config(Adam({.learning_rate = 0.01}))),
      R"({"module": "keras.optimizers", "class_name": "Adam", "config": {"name": "adam", )"
      R"("learning_rate": 0.009999999776482582, "weight_decay": null, "clipnorm": null, "global_clipnorm": null, )"
      R"("clipvalue": null, "use_ema": false, "ema_momentum": 0.99, "ema_overwrite_frequency": null, )"
      R"("beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": false}, "registered_name": null})");
  const ConfigValue accumulating = to_config(SGD({.loss_scale_factor = 2.0, .gradient_accumulation_steps = 3}));
  EXPECT_EQ(accumulating.as_config().at("config").as_config().at("gradient_accumulation_steps").as_int(), 3);
  EXPECT_EQ(accumulating.as_config().at("config").as_config().at("loss_scale_factor").as_double(), 2.0);
}

TEST(OptimizerConfigs, WrappersHoldTheirOptimizers) {
  reset_names();
  const Optimizer scaled =
      LossScaleOptimizer(SGD({.learning_rate = 0.5}), {.initial_scale = 512, .dynamic_growth_steps = 2});
  Optimizer again;
  from_config(to_config(scaled), again);
  EXPECT_EQ(again.config(), scaled.config());
  EXPECT_EQ(again.learning_rate(), 0.5);
  const Optimizer several = MultiOptimizer({.default_optimizer = "adam", .optimizer_map = {{"dense/.*", "sgd"}}});
  const Config map = several.config().at("optimizer_map").as_config();
  EXPECT_EQ(map.at("class_name").as_string(), "OptimizerMap");
  EXPECT_EQ(map.at("config")
                .as_config()
                .at("optimizer_map")
                .as_config()
                .at("dense/.*")
                .as_config()
                .at("class_name")
                .as_string(),
            "SGD");
  from_config(to_config(several), again);
  EXPECT_EQ(again.config(), several.config());
}

// As Keras 2.15.1 writes it into `training_config`.
TEST(OptimizerConfigs, OfKeras2) {
  const Optimizer adam = read(
      R"({"class_name": "Custom>Adam", "config": {"name": "Adam", "weight_decay": null, "clipnorm": null, )"
      R"("global_clipnorm": null, "clipvalue": null, "use_ema": false, "ema_momentum": 0.99, )"
      R"("ema_overwrite_frequency": null, "jit_compile": false, "is_legacy_optimizer": false, )"
      R"("learning_rate": 0.009999999776482582, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": false}})");
  EXPECT_EQ(adam.class_name(), "Adam");
  EXPECT_EQ(adam.name(), "Adam");
  EXPECT_EQ(adam.learning_rate(), static_cast<double>(0.01f));
  const Optimizer old =
      read(R"({"class_name": "SGD", "config": {"lr": 0.5, "momentum": 0.25, "decay": 0.0, "nesterov": true}})");
  EXPECT_EQ(old.learning_rate(), 0.5);
  EXPECT_EQ(old.config().at("momentum").as_double(), 0.25);
  EXPECT_FALSE(old.has_schedule());
  const Optimizer decaying = read(R"({"class_name": "rmsprop", "config": {"lr": 0.5, "decay": 0.25}})");
  EXPECT_EQ(decaying.config().at("learning_rate").as_config().at("class_name").as_string(), "InverseTimeDecay");
  decaying.iterations().storage().copy_from(Tensor::scalar(std::int64_t{4}));
  EXPECT_EQ(decaying.learning_rate(), 0.25);
  EXPECT_EQ(read(R"("adamw")").class_name(), "AdamW");
  EXPECT_EQ(read(R"({"class_name": "Adafactor", "config": {"relative_step": false}})").class_name(), "Adafactor");
}

TEST(OptimizerConfigs, RatesMayBeSchedules) {
  const Optimizer sgd =
      read(R"({"module": "keras.optimizers", "class_name": "SGD", "config": {"learning_rate": )"
           R"({"module": "keras.optimizers.schedules", "class_name": "PiecewiseConstantDecay", )"
           R"("config": {"boundaries": [1, 4], "values": [0.5, 0.25, 0.125], "name": "PiecewiseConstant"}, )"
           R"("registered_name": null}}, "registered_name": null})");
  EXPECT_TRUE(sgd.has_schedule());
  EXPECT_EQ(sgd.learning_rate(), 0.5);
}

struct Signed : Rule {
  double factor = 1;
  std::vector<std::vector<Slot>> slots(const Variable&) const override { return {}; }
  Values update(const Step& s) const override { return {s.weight - factor * sign(s.gradient)}; }
  std::string class_name() const override { return "Signed"; }
  Config config() const override { return {{"factor", factor}}; }
};

Optimizer make_signed(double factor) {
  auto rule = std::make_shared<Signed>();
  rule->factor = factor;
  return Optimizer(rule, {.learning_rate = 1.0, .name = "signed"});
}

TEST(OptimizerConfigs, OnesOwnRuleIsRegistered) {
  EXPECT_ERROR(to_config(make_signed(2)), "register_optimizer(\"Signed\", ...)");
  register_optimizer("Signed", [](const Config& c) { return make_signed(c.at("factor").as_double()); });
  const ConfigValue saved = to_config(make_signed(2));
  EXPECT_EQ(saved.as_config().at("registered_name").as_string(), "Custom>Signed");
  Optimizer again;
  from_config(saved, again);
  const Variable w("w", ones({1}));
  Function({}, {}, again.apply({constant(full({1}, 3))}, {w}))({});
  EXPECT_EQ(testing::numbers(w), testing::Floats{-1.0f});
  EXPECT_ERROR(register_optimizer("Adam", [](const Config&) { return Optimizer("sgd"); }), "built-in class Adam");
}

TEST(OptimizerConfigs, Errors) {
  EXPECT_ERROR(read(R"({"class_name": "Mine", "config": {}})"), "Unknown optimizer 'Mine': register it before loading");
  EXPECT_ERROR(read(R"({"class_name": "SGD", "config": {"name": "s", "momentun": 0.5}})"),
               "optimizer SGD 's'] Unrecognized keyword arguments: {'momentun': 0.5}");
  EXPECT_ERROR(read(R"({"class_name": "SGD", "config": {"momentum": "fast"}})"), "argument `momentum`");
  EXPECT_ERROR(read("7"), "expected a name or an object");
  EXPECT_ERROR(read(R"({"class_name": "SGD", "config": {"learning_rate": {"class_name": "MyDecay", "config": {}}}})"),
               "Unknown schedule 'MyDecay'");
  EXPECT_ERROR(read(R"({"class_name": "LossScaleOptimizer", "config": {}})"), "lacks the argument `inner_optimizer`");
}

TEST(OptimizerConfigs, Names) {
  for (const char* name :
       {"SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Adafactor", "Nadam", "Ftrl", "Lion",
        "Lamb", "Muon", "ScheduleFreeAdamW", "LossScaleOptimizer", "MultiOptimizer"}) {
    const std::vector<std::string> all = optimizer_names();
    EXPECT_EQ(std::count(all.begin(), all.end(), name), 1) << name;
  }
  EXPECT_EQ(Optimizer("schedulefreeadamw").class_name(), "ScheduleFreeAdamW");
  EXPECT_EQ(Optimizer("NADAM").class_name(), "Nadam");
}

}  // namespace
}  // namespace strata
