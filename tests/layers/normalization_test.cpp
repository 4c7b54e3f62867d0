#include "layers/normalization.h"

#include <cmath>

#include "layers/embedding.h"
#include "layers/input.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

// Columns with means 2 and 10, variances 1 and 4.
const Tensor batch = Tensor::from({2, 2}, {1.0f, 8.0f, 3.0f, 12.0f});

TEST(BatchNormalization, WeightsInOrder) {
  const Layer bn = layers::BatchNormalization({.name = "bn"});
  EXPECT_EQ(bn(layers::Input({8, 8, 5})).shape(), Shape({open_dim, 8, 8, 5}));
  std::vector<std::string> names;
  for (const Variable& v : bn.weights()) names.push_back(v.path());
  EXPECT_EQ(names, (std::vector<std::string>{"bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"}));
  EXPECT_EQ(bn.trainable_weights().size(), 2u);
  EXPECT_EQ(bn.count_params(), 20);
  const Layer bare = layers::BatchNormalization({.center = false, .scale = false});
  bare(layers::Input({3}));
  EXPECT_EQ(bare.weights().size(), 2u);
}

TEST(BatchNormalization, TrainingUsesTheBatchAndMovesTheStatistics) {
  const Layer bn = layers::BatchNormalization({.momentum = 0.75, .epsilon = 0.0});
  expect_values(run(bn, {batch}, Mode::train), {-1, -1, 1, 1}, 1e-5f);
  expect_values(bn.weights()[2].value(), {0.5f, 2.5f}, 1e-5f);
  expect_values(bn.weights()[3].value(), {1, 1.75f}, 1e-5f);  // 0.75 + 0.25 * (1, 4): the variance of the population
}

TEST(BatchNormalization, CalledTwiceInAStepItMovesTwice) {
  const Layer bn = layers::BatchNormalization({.momentum = 0.5});
  const Value x = placeholder({2, 2});
  Function({x}, {bn(x, Mode::train), bn(x, Mode::train)})({batch});
  expect_values(bn.weights()[2].value(), {1.5f, 7.5f}, 1e-5f);
}

TEST(BatchNormalization, InferenceUsesTheMovingStatistics) {
  const Layer bn = layers::BatchNormalization({.epsilon = 0.0});
  bn(layers::Input({2}));
  bn.set_weights({Tensor::from({2}, {2.0f, 1.0f}), Tensor::from({2}, {0.5f, 0.0f}), Tensor::from({2}, {1.0f, 8.0f}),
                  Tensor::from({2}, {4.0f, 16.0f})});
  const std::vector<float> wanted{0.5f, 0, 2.5f, 1};
  expect_values(run(bn, {batch}), wanted, 1e-5f);
  bn.set_trainable(false);
  expect_values(run(bn, {batch}, Mode::train), wanted, 1e-5f);  // frozen: as in inference, and nothing moves
  expect_values(bn.weights()[2].value(), {1, 8});
}

TEST(BatchNormalization, OtherAxes) {
  const Layer bn = layers::BatchNormalization({.axis = 1, .epsilon = 0.0});
  EXPECT_EQ(bn(layers::Input({2, 3})).shape(), Shape({open_dim, 2, 3}));
  EXPECT_EQ(bn.weights()[0].shape(), Shape({2}));
  const Tensor x = Tensor::from({1, 2, 3}, {1.0f, 2.0f, 3.0f, 10.0f, 20.0f, 30.0f});
  const float s = std::sqrt(1.5f);
  expect_values(run(bn, {x}, Mode::train), {-s, 0, s, -s, 0, s}, 1e-5f);
}

TEST(LayerNormalization, ShapesAndValues) {
  const Layer ln = layers::LayerNormalization({.epsilon = 0.0, .name = "ln"});
  expect_values(run(ln, {Tensor::from({2, 2}, {1.0f, 3.0f, 12.0f, 8.0f})}), {-1, 1, 1, -1}, 1e-5f);
  EXPECT_EQ(ln.weights()[0].path(), "ln/gamma");
  EXPECT_EQ(ln.weights()[1].shape(), Shape({2}));
  const float s = std::sqrt(1.5f);
  const Tensor x = Tensor::from({1, 3, 2}, {1.0f, 10.0f, 2.0f, 20.0f, 3.0f, 30.0f});
  const Layer middle = layers::LayerNormalization({.axis = 1, .epsilon = 0.0});
  expect_values(run(middle, {x}), {-s, -s, 0, 0, s, s}, 1e-5f);
  EXPECT_EQ(middle.weights()[0].shape(), Shape({3}));
  const Layer both = layers::LayerNormalization({.axis = {1, 2}, .epsilon = 0.0});
  EXPECT_EQ(both(layers::Input({3, 2})).shape(), Shape({open_dim, 3, 2}));
  EXPECT_EQ(both.weights()[0].shape(), Shape({3, 2}));
  const Tensor y = run(both, {x});  // mean 11, variance 344 / 3
  EXPECT_NEAR(y.at<float>(0), -10 / std::sqrt(344 / 3.0f), 1e-5f);
  EXPECT_NEAR(y.at<float>(5), 19 / std::sqrt(344 / 3.0f), 1e-5f);
}

TEST(Normalizations, Configs) {
  const Config bn = layers::BatchNormalization().config();
  EXPECT_EQ(bn.at("axis").as_int(), -1);
  EXPECT_EQ(bn.at("momentum").as_double(), 0.99);
  EXPECT_EQ(bn.at("epsilon").as_double(), 1e-3);
  EXPECT_EQ(bn.at("moving_variance_initializer").as_config().at("class_name").as_string(), "Ones");
  EXPECT_EQ(layers::LayerNormalization().config().at("axis").as_int(), -1);
  EXPECT_EQ(layers::LayerNormalization({.axis = {1, 2}}).config().at("axis").as_list().size(), 2u);
}

TEST(Normalizations, Errors) {
  const Layer bn = layers::BatchNormalization({.name = "bn"});
  bn(layers::Input({3}));
  expect_error(
      [&] { bn(layers::Input({4})); },
      "[BatchNormalization 'bn'] expected axis -1 of input shape to have value 3; received an input of shape [?,4]");
  expect_error([] { layers::BatchNormalization({.momentum = 2}); }, "expected a momentum between 0 and 1; received 2");
  expect_error([] { layers::LayerNormalization({.axis = 3, .name = "ln"})(layers::Input({4})); },
               "[LayerNormalization 'ln']");
  expect_error([] { layers::LayerNormalization({.name = "ln"})(layers::Input({-1})); },
               "expected a known size along axis");
}

TEST(Embedding, RowsOfATable) {
  const Layer embedding = layers::Embedding(3, 2, {.name = "words"});
  EXPECT_EQ(embedding(layers::Input({5}, {.dtype = DType::i32})).shape(), Shape({open_dim, 5, 2}));
  EXPECT_EQ(embedding.weights()[0].path(), "words/embeddings");
  embedding.set_weights({Tensor::from({3, 2}, {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f})});
  expect_values(run(embedding, {Tensor::from({1, 2}, {2, 0})}), {4, 5, 0, 1});
  expect_values(run(embedding, {Tensor::from({1, 2}, std::vector<std::uint8_t>{1, 1})}), {2, 3, 2, 3});
  expect_values(run(embedding, {Tensor::from({1, 1}, {1.0f})}), {2, 3});
  EXPECT_EQ(embedding.config().at("input_dim").as_int(), 3);
  EXPECT_FALSE(embedding.config().at("mask_zero").as_bool());
  expect_error([] { layers::Embedding(0, 2); },
               "Received an invalid value for `input_dim`, expected a positive integer. Received: input_dim=0");
}

}  // namespace
}  // namespace strata
