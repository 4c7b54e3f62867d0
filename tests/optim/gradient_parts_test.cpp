#include <gtest/gtest.h>

#include "core/base/json.h"
#include "tests/optim/optimizer_testing.h"

namespace strata {
namespace {
using namespace optimizers;
using testing::expect_near;
using testing::numbers;

const Tensor rows_looked_up = Tensor::from<std::int32_t>({4}, {0, 1, 0, 0});
const Tensor gradients_of_rows = Tensor::from<float>({4, 2}, {1, 0.5f, 0.25f, -1, -0.5f, 2, 0.75f, 0.125f});

/// A table whose first row is looked up three times in a batch, its second once, and its third never.
struct Table {
  Variable embeddings{"embeddings", Tensor::from<float>({3, 2}, {0.5f, -0.25f, 0.1f, 0.2f, -0.3f, 0.7f})};

  void two_steps(const Optimizer& optimizer, const Value& added = {}) const {
    const Value places = placeholder({4}, DType::i32), g = placeholder({4, 2});
    Value loss = sum(gather(embeddings, places) * g);
    if (added) loss = loss + added;
    const Function step({places, g}, {loss}, optimizer.minimize(loss, {embeddings}));
    for (int i = 0; i < 2; ++i) step({rows_looked_up, gradients_of_rows});
  }
};

// All numbers from Keras 3.15.1 with TensorFlow, given the gradient as IndexedSlices.
TEST(GradientParts, TwoStepsAgreeWithKeras) {
  const double rate = 0.1;
  const std::vector<std::pair<Optimizer, std::vector<double>>> cases{
      {SGD({.learning_rate = rate, .momentum = 0.9, .nesterov = true}),
       {-0.07625, -1.460125, -0.01525, 0.661, -0.3, 0.7}},
      {RMSprop({.learning_rate = rate}), {-0.006617174, -0.9435008, -0.4456400, 0.7456433, -0.3, 0.7}},
      {RMSprop({.learning_rate = rate, .momentum = 0.9, .centered = true}),
       {-0.3165165, -1.434213, -0.7882328, 1.088239, -0.3, 0.7}},
      {Adam({.learning_rate = rate}), {0.3143066, -0.5041931, -0.09999617, 0.3999978, -0.3, 0.7}},
      {Adam({.learning_rate = rate, .amsgrad = true}), {0.3143066, -0.5041931, -0.09999617, 0.3999978, -0.3, 0.7}},
      {AdamW({.learning_rate = rate}), {0.3139438, -0.5039423, -0.1000362, 0.3997978, -0.2997600, 0.6994401}},
      {Adamax({.learning_rate = rate}), {0.3888889, -0.45, -0.09999987, 0.4, -0.3, 0.7}},
      {Nadam({.learning_rate = rate}), {0.3294968, -0.4833993, -0.08363751, 0.3836375, -0.3, 0.7}},
      {Adagrad({.learning_rate = rate}), {0.3448463, -0.4649833, -0.01472197, 0.3643528, -0.3, 0.7}},
      {Adadelta({.learning_rate = rate}), {0.4997357, -0.2503618, 0.09971536, 0.2002847, -0.3, 0.7}},
      {Adafactor({.learning_rate = rate}), {0.4214480, -0.3484356, 0.06242428, 0.2896898, -0.3, 0.7}},
      {Ftrl({.learning_rate = rate}), {0.2305139, -0.4271462, -0.09316845, 0.3040505, 0, 0}},
      {Lion({.learning_rate = rate}), {0.3, -0.45, -0.1, 0.4, -0.3, 0.7}},
      {Lamb({.learning_rate = rate}), {0.4146862, -0.3667848, 0.008114275, 0.2918858, -0.3, 0.7}},
      {Muon({.learning_rate = rate}), {0.3139438, -0.5039423, -0.1000362, 0.3997978, -0.2997600, 0.6994401}},
      {ScheduleFreeAdamW({.learning_rate = rate}), {0.3607286, -0.4406465, -0.04999983, 0.35, -0.3, 0.7}},
      {Adam({.learning_rate = rate, .clipnorm = 0.5}), {0.3143082, -0.5041916, -0.09998681, 0.3999954, -0.3, 0.7}},
      {Adam({.learning_rate = rate, .clipvalue = 0.5}), {0.3845313, -0.5633361, -0.09999617, 0.3999972, -0.3, 0.7}},
      {Adam({.learning_rate = rate, .global_clipnorm = 0.5}),
       {0.3000039, -0.4499972, -0.09998681, 0.3999954, -0.3, 0.7}},
      {Adam({.learning_rate = rate, .gradient_accumulation_steps = 2}),
       {0.4000009, -0.3499992, 1.929700e-06, 0.2999990, -0.3, 0.7}},
  };
  for (const auto& [optimizer, weights] : cases) {
    SCOPED_TRACE(to_json(to_config(optimizer)));
    const Table table;
    table.two_steps(optimizer);
    expect_near(numbers(table.embeddings), weights, 4e-6);
  }
}

TEST(GradientParts, SlotsHoldSumsOfSquares) {
  const Table table;
  const Optimizer adam = Adam({.learning_rate = 0.1}), adadelta = Adadelta({.learning_rate = 0.1});
  table.two_steps(adam);
  expect_near(numbers(adam.variables().at(3)), {0.003623188, 0.008526985, 0.0001249375, 0.001999, 0, 0}, 1e-8);
  table.two_steps(adadelta);
  expect_near(numbers(adadelta.variables().at(3)), {1.975638e-07, 1.975640e-07, 1.975577e-07, 1.975637e-07, 0, 0},
              1e-12);
}

TEST(GradientParts, AGradientFromElsewhereMakesItOneArray) {
  const Table table;
  const Optimizer adam = Adam({.learning_rate = 0.1});
  table.two_steps(adam, 0.0 * sum(table.embeddings));
  // (1 - 0.999) (1 + 0.999) times the squares of 1.25 and 2.625.
  expect_near({numbers(adam.variables().at(3))[0], numbers(adam.variables().at(3))[1]},
              {0.001999 * 1.5625, 0.001999 * 6.890625}, 1e-7);
}

TEST(GradientParts, TwoLookUpsOfOneTableAreOneList) {
  const Table table;
  const Optimizer adagrad = Adagrad({.learning_rate = 0.1, .initial_accumulator_value = 0, .clipvalue = 2});
  const Value loss = sum(gather(table.embeddings, constant(Tensor::from<std::int32_t>({1}, {2})))) +
                     sum(gather(table.embeddings, constant(Tensor::from<std::int32_t>({2}, {2, 0}))));
  Function({}, {loss}, adagrad.minimize(loss, {table.embeddings}))({});
  expect_near(numbers(adagrad.variables().at(2)), {1, 1, 0, 0, 2, 2});
}

}  // namespace
}  // namespace strata
