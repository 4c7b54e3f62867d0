#include "optim/optimizers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/compile/function.h"
#include "core/graph/context.h"
#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "tests/optim/optimizer_testing.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace optimizers;
using testing::expect_near;
using testing::Floats;
using testing::numbers;
using testing::Problem;

TEST(Optimizers, ThreeStepsAgreeWithKeras) {
  for (const testing::OptimizerCase& c : testing::optimizer_cases()) {
    reset_names();
    const Problem problem;
    const Optimizer optimizer = c.make();
    SCOPED_TRACE(optimizer.class_name() + ": " + c.variables);
    const Function step = problem.step_of(optimizer);
    for (const Tensors& g : problem.gradients) step(g);
    expect_near(problem.weights(), c.weights);
    EXPECT_EQ(optimizer.iterations().value().item<std::int64_t>(), 3);
    std::string paths;
    for (const Variable& v : optimizer.variables()) paths += (paths.empty() ? "" : " ") + v.path();
    EXPECT_EQ(paths, c.variables);
  }
}

TEST(Optimizers, SlotsAreNamedAfterThePath) {
  reset_names();
  Variable kernel("kernel", zeros({2, 3}));
  kernel.set_path("sequential/dense/kernel");
  const Adam adam;
  adam.build({kernel});
  EXPECT_EQ(adam.variables().at(2).path(), "adam/sequential_dense_kernel_momentum");
  EXPECT_EQ(Adam().name(), "adam_1");
  EXPECT_EQ(Adam({.name = "mine"}).variables().at(0).path(), "mine/iteration");
}

TEST(Optimizers, TwoFunctionsOfOneOptimizerShareItsState) {
  const Problem problem;
  const SGD sgd({.learning_rate = 0.1, .momentum = 0.9});
  const Function one = problem.step_of(sgd), two = problem.step_of(sgd);
  one(problem.gradients[0]);
  two(problem.gradients[1]);
  one(problem.gradients[2]);
  expect_near(problem.weights(), {0.52490002, -0.90830004, 1.5385, 0.1622, 1.0896001, -0.2951});
  EXPECT_EQ(sgd.variables().size(), 4u);
}

TEST(Optimizers, TwoUpdatesOfOneStepChain) {
  const Variable w("w", ones({2}));
  const SGD sgd({.learning_rate = 0.5, .momentum = 0.5});
  const Value loss = sum(w * 1.0f);
  Updates both = sgd.minimize(loss, {w});
  for (const Update& u : sgd.minimize(loss, {w})) both.push_back(u);
  Function({}, {loss}, both)({});
  expect_near(numbers(w), {1 - 0.5 - 0.75, 1 - 0.5 - 0.75});
  EXPECT_EQ(sgd.iterations().value().item<std::int64_t>(), 2);
}

TEST(Optimizers, LossesOfLayersCount) {
  const Variable w("w", Tensor::from<float>({2}, {2.0f, -4.0f}));
  CallScope scope("layer", Mode::train, true);
  add_loss(0.25f * sum(square(w)));
  const Value out = scope.attach({sum(w * 0.0f)})[0];
  Function({}, {out}, SGD({.learning_rate = 1.0}).minimize(out, {w}))({});
  expect_near(numbers(w), {1.0, -2.0});
}

TEST(Optimizers, ConstraintsHoldAfterTheUpdate) {
  Variable w("w", Tensor::from<float>({2}, {0.1f, 1.0f}));
  w.set_constraint([](Value x) { return relu(x); });
  const Value loss = sum(w * 1.0f);
  Function({}, {loss}, SGD({.learning_rate = 0.5}).minimize(loss, {w}))({});
  expect_near(numbers(w), {0.0, 0.5});
}

TEST(Optimizers, ExcludedVariablesDoNotDecay) {
  const Variable kernel("kernel", ones({1})), bias("bias", ones({1})), other("other", ones({1}));
  const SGD sgd({.learning_rate = 0.5, .weight_decay = 0.5});
  sgd.exclude_from_weight_decay({other}, {"^bia"});
  const Value loss = sum((kernel + bias + other) * 0.0f);
  Function({}, {loss}, sgd.minimize(loss, {kernel, bias, other}))({});
  EXPECT_EQ(numbers(kernel), Floats{0.75f});
  EXPECT_EQ(numbers(bias), Floats{1.0f});
  EXPECT_EQ(numbers(other), Floats{1.0f});
  EXPECT_ERROR(sgd.exclude_from_weight_decay({"kernel"}), "before the optimizer is built");
}

TEST(Optimizers, TheLearningRateChangesBetweenSteps) {
  const Variable w("w", zeros({1}));
  const SGD sgd({.learning_rate = 1.0});
  const Value loss = sum(w * 1.0f);
  const Function step({}, {loss}, sgd.minimize(loss, {w}));
  step({});
  sgd.set_learning_rate(0.25);
  step({});
  EXPECT_EQ(numbers(w), Floats{-1.25f});
  EXPECT_EQ(sgd.learning_rate(), 0.25);
  const SGD scheduled({.learning_rate = schedules::CosineDecay(0.05, 200)});
  EXPECT_NEAR(scheduled.learning_rate(), 0.05, 1e-12);
  EXPECT_ERROR(scheduled.set_learning_rate(1), "schedule");
}

TEST(Optimizers, AGradientThatIsNotFiniteShowsInTheGlobalClip) {
  const Problem problem;
  const Function step = problem.step_of(SGD({.global_clipnorm = 1.0}));
  Tensors g = problem.gradients[0];
  g[0] = g[0].clone();
  g[0].mutable_data<float>()[1] = std::numeric_limits<float>::infinity();
  step(g);
  for (const float x : problem.weights()) EXPECT_TRUE(std::isnan(x));
}

TEST(Optimizers, VariablesWithoutGradientAreLeftAlone) {
  const Variable used("used", ones({1})), unused("unused", ones({1}));
  const Value loss = sum(used * 1.0f);
  ::testing::internal::CaptureStderr();
  const Updates updates = Adam().minimize(loss, {used, unused});
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("Gradients do not exist for variables ['unused']"), std::string::npos) << said;
  EXPECT_EQ(updates.size(), 4u);  // weight, two slots, counter
}

TEST(Optimizers, Errors) {
  const Variable w("w", ones({1})), stranger("stranger", ones({1}));
  const Value loss = sum(w * 1.0f);
  EXPECT_ERROR(Optimizer("foo"), "Could not interpret optimizer identifier: foo");
  EXPECT_ERROR(Adam({.clipnorm = 1.0, .clipvalue = 0.5}),
               "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set.");
  EXPECT_ERROR(SGD({.momentum = 2.0}), "`momentum` must be");
  EXPECT_ERROR(Adam().minimize(loss, {stranger}), "No gradients provided for any variable.");
  EXPECT_ERROR(Adam().minimize(w * 1.0f, {w}), "a scalar loss");
  const Adam adam;
  adam.build({w});
  EXPECT_ERROR(adam.minimize(sum(stranger * 1.0f), {stranger}), "Unknown variable: 'stranger'");
}

TEST(Optimizers, IdentifiersAndConfigs) {
  reset_names();
  EXPECT_EQ(Optimizer("adam").class_name(), "Adam");
  EXPECT_EQ(Optimizer("RMSprop").class_name(), "RMSprop");
  EXPECT_EQ(Optimizer("AdamW").config().at("weight_decay").as_double(), 0.004);
  EXPECT_EQ(Optimizer("adagrad").config().at("initial_accumulator_value").as_double(), 0.1);
  const Config c = Optimizer("sgd").config();
  EXPECT_EQ(c.items().front().first, "name");
  EXPECT_EQ(c.items().back().first, "nesterov");
  EXPECT_EQ(c.at("learning_rate").as_double(), static_cast<double>(0.01f));
  EXPECT_EQ(c.at("use_ema").as_bool(), false);
  const Config scheduled = SGD({.learning_rate = schedules::CosineDecay(0.05, 200)}).config();
  EXPECT_EQ(scheduled.at("learning_rate").as_config().at("class_name").as_string(), "CosineDecay");
}

}  // namespace
}  // namespace strata
