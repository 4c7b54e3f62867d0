// What optimizers keep beside the weights: averages, accumulated gradients, loss scales, optimizers within.

#include <gtest/gtest.h>

#include <limits>

#include "core/graph/names.h"
#include "tests/optim/optimizer_testing.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace optimizers;
using testing::expect_near;
using testing::Floats;
using testing::numbers;
using testing::Problem;

Floats state(const Optimizer& optimizer, const std::string& path) {
  for (const Variable& v : optimizer.variables())
    if (v.path() == path) return numbers(v);
  ADD_FAILURE() << "no variable " << path;
  return {};
}

void train(const Problem& problem, const Optimizer& optimizer) {
  const Function step = problem.step_of(optimizer);
  for (const Tensors& g : problem.gradients) step(g);
}

// Numbers from Keras 3.15.1.

TEST(OptimizerState, AveragesFollowTheWeights) {
  const Problem problem;
  const SGD sgd({.learning_rate = 0.1, .use_ema = true, .ema_momentum = 0.8, .name = "sgd"});
  train(problem, sgd);
  expect_near(state(sgd, "sgd/a_average"), {0.49980000, -0.94920003, 1.8399999, 0.24320000});
  expect_near(state(sgd, "sgd/b_average"), {0.99719995, -0.41760001});
  sgd.finalize_variable_values({problem.a, problem.b});
  expect_near(problem.weights(), {0.49980000, -0.94920003, 1.8399999, 0.24320000, 0.99719995, -0.41760001});
}

TEST(OptimizerState, AveragesTakeTheWeightsPlace) {
  const Problem problem;
  const Adam adam(
      {.learning_rate = 0.1, .use_ema = true, .ema_momentum = 0.8, .ema_overwrite_frequency = 2, .name = "adam"});
  train(problem, adam);
  expect_near(state(adam, "adam/a_average"), {0.41543731, -0.89409292, 1.8726616, 0.33175981});
  expect_near(state(adam, "adam/b_average"), {0.91436893, -0.38227260});
}

TEST(OptimizerState, WithoutAveragesFinalizingChangesNothing) {
  const Problem problem;
  const SGD sgd({.learning_rate = 0.1});
  train(problem, sgd);
  const Floats before = problem.weights();
  sgd.finalize_variable_values({problem.a, problem.b});
  EXPECT_EQ(problem.weights(), before);
}

TEST(OptimizerState, AverageOfAVariableWithoutGradient) {
  const Variable used("used", ones({1})), unused("unused", full({1}, 3));
  const SGD sgd({.learning_rate = 0.5, .use_ema = true, .name = "sgd"});
  const Value loss = sum(used * 1.0f);
  Function({}, {}, sgd.minimize(loss, {used, unused}))({});
  EXPECT_EQ(state(sgd, "sgd/used_average"), Floats{0.5f});
  EXPECT_EQ(state(sgd, "sgd/unused_average"), Floats{3.0f});
}

TEST(OptimizerState, GradientsAccumulateBetweenUpdates) {
  const Problem problem;
  const Adam adam({.learning_rate = 0.1,
                   .weight_decay = 0.1,
                   .global_clipnorm = 0.5,
                   .gradient_accumulation_steps = 2,
                   .name = "adam"});
  const Function step = problem.step_of(adam);
  const Floats before = problem.weights();
  step(problem.gradients[0]);
  EXPECT_EQ(problem.weights(), before);
  expect_near(state(adam, "adam/a_gradient_accumulator"), {0.1, -0.7, 1.5, -0.2});
  step(problem.gradients[1]);
  EXPECT_EQ(state(adam, "adam/a_gradient_accumulator"), Floats(4, 0.0f));
  step(problem.gradients[2]);
  expect_near(state(adam, "adam/a_momentum"), {-0.0041065081, -0.01026627, 0.041065078, 0.012319523});
  expect_near(state(adam, "adam/b_gradient_accumulator"), {0.3, 0.2});
}

TEST(OptimizerState, NadamsProductWaitsForTheUpdate) {
  const Problem problem;
  const Nadam nadam({.learning_rate = 0.1, .gradient_accumulation_steps = 2, .name = "nadam"});
  train(problem, nadam);
  expect_near(state(nadam, "nadam/u_product"), {0.46799996});
}

TEST(OptimizerState, ConstraintsFollowTheAverages) {
  Variable w("w", Tensor::from<float>({2}, {0.1f, 1.0f}));
  w.set_constraint([](Value x) { return relu(x); });
  const SGD sgd({.learning_rate = 0.5, .use_ema = true, .name = "sgd"});
  const Value loss = sum(w * 1.0f);
  Function({}, {}, sgd.minimize(loss, {w}))({});
  expect_near(numbers(w), {0.0, 0.5});
  expect_near(state(sgd, "sgd/w_average"), {-0.4, 0.5});
}

TEST(LossScale, SkipsWhatIsNotFinite) {
  reset_names();
  const Problem problem;
  const SGD inner({.learning_rate = 0.1, .momentum = 0.5});
  const LossScaleOptimizer optimizer(inner, {.initial_scale = 16, .dynamic_growth_steps = 2});
  const Function step = problem.step_of(optimizer);
  const auto expect_scale = [&](float scale, std::int64_t counter, std::int64_t updates) {
    EXPECT_EQ(state(optimizer, "loss_scale_optimizer/dynamic_scale"), Floats{scale});
    EXPECT_EQ(optimizer.variables()[2].value().item<std::int64_t>(), counter);
    EXPECT_EQ(optimizer.iterations().value().item<std::int64_t>(), updates);
  };
  step(problem.gradients[0]);
  expect_scale(16, 1, 1);
  step(problem.gradients[1]);
  expect_scale(32, 0, 2);
  const std::vector<double> after_two{0.51499999, -0.91500002, 1.7250000, 0.20000000, 1.0599999, -0.375};
  expect_near(problem.weights(), after_two);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  step({Tensor::from<float>({4}, {infinity, 0, 0, 0}), ones({1, 2})});
  expect_scale(16, 0, 2);
  expect_near(problem.weights(), after_two);
  step(problem.gradients[2]);
  expect_scale(16, 1, 3);
  step(problem.gradients[0]);
  expect_scale(32, 0, 4);
  expect_near(problem.weights(), {0.51624995, -0.92375004, 1.5412500, 0.18250000, 1.0500000, -0.28874999});
  std::string paths;
  for (const Variable& v : optimizer.variables()) paths += v.path() + " ";
  EXPECT_EQ(paths,
            "loss_scale_optimizer/iteration loss_scale_optimizer/learning_rate loss_scale_optimizer/step_counter "
            "loss_scale_optimizer/dynamic_scale sgd/iteration sgd/learning_rate sgd/a_momentum sgd/b_momentum ");
}

TEST(LossScale, TheRateIsTheInnerOnes) {
  const SGD inner({.learning_rate = 0.25});
  const LossScaleOptimizer optimizer(inner);
  EXPECT_EQ(optimizer.learning_rate(), 0.25);
  optimizer.set_learning_rate(0.5);
  EXPECT_EQ(inner.learning_rate(), 0.5);
  EXPECT_FALSE(optimizer.has_schedule());
}

TEST(MultiOptimizers, EachVariableHasItsOwn) {
  reset_names();
  const Problem problem;
  const MultiOptimizer optimizer(
      {.default_optimizer = SGD({.learning_rate = 0.1}), .optimizer_map = {{"b.*", Adam({.learning_rate = 0.1})}}});
  train(problem, optimizer);
  expect_near(problem.weights(), {0.51499999, -1.01, 1.84, 0.2, 0.97183901, -0.31135890});
  std::string paths;
  for (const Variable& v : optimizer.variables()) paths += v.path() + " ";
  EXPECT_EQ(paths,
            "multi_optimizer/iteration multi_optimizer/learning_rate adam/iteration adam/learning_rate adam/b_momentum "
            "adam/b_velocity sgd/iteration sgd/learning_rate ");
  EXPECT_EQ(optimizer.iterations().value().item<std::int64_t>(), 3);
}

TEST(MultiOptimizers, ScaleTheLossForAll) {
  const Problem problem, plain;
  train(problem,
        MultiOptimizer({.default_optimizer = "sgd", .optimizer_map = {{"a", "adam"}}}, {.loss_scale_factor = 64.0}));
  train(plain, MultiOptimizer({.default_optimizer = "sgd", .optimizer_map = {{"a", "adam"}}}));
  const Floats expected = plain.weights();
  expect_near(problem.weights(), {expected.begin(), expected.end()});
}

TEST(OptimizerState, Errors) {
  EXPECT_ERROR(SGD({.gradient_accumulation_steps = 1}), "`gradient_accumulation_steps` must be an integer >= 2");
  EXPECT_ERROR(SGD({.use_ema = true, .ema_momentum = 1.5}), "`ema_momentum` must be in the range [0, 1]");
  EXPECT_ERROR(SGD({.use_ema = true, .ema_overwrite_frequency = 0}),
               "`ema_overwrite_frequency` must be an integer >= 1");
  EXPECT_ERROR(LossScaleOptimizer(SGD({.loss_scale_factor = 2.0})), "takes no loss_scale_factor");
  const Variable w("w", ones({1}));
  EXPECT_ERROR(
      MultiOptimizer({.default_optimizer = "sgd", .optimizer_map = {{"w", "adam"}, {"w*", "adam"}, {".", "sgd"}}})
          .build({Variable("v", ones({1}))}),
      "no error");
  EXPECT_ERROR(
      MultiOptimizer({.default_optimizer = "sgd", .optimizer_map = {{"v|w", "adam"}, {".", "sgd"}}}).build({w}),
      "Multiple optimizers assigned to variable w");
  EXPECT_ERROR(MultiOptimizer({.default_optimizer = LossScaleOptimizer("sgd")}),
               "cannot be used inside a MultiOptimizer");
  EXPECT_ERROR(MultiOptimizer({.default_optimizer = "sgd"}).learning_rate(), "has not a learning rate of its own");
  EXPECT_ERROR(Optimizer().name(), "is empty");
  EXPECT_ERROR(Ftrl({.learning_rate_power = 0.5}), "`learning_rate_power` needs to be negative or zero");
  EXPECT_ERROR(Lion({.beta_1 = 0.0}), "degenerates to SignSGD");
}

}  // namespace
}  // namespace strata
