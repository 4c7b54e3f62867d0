#include "layers/preprocessing.h"

#include <cmath>

#include "layers/input.h"
#include "layers/registry.h"
#include "layers/resizing.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

const Tensor table = Tensor::from({3, 2}, {1.0f, 2.0f, 3.0f, 6.0f, 5.0f, 7.0f});

TEST(Normalization, StartsAsTheIdentityAndAdapts) {
  const Layer layer = layers::Normalization({.name = "n"});
  expect_values(run(layer, {table}), {1, 2, 3, 6, 5, 7});
  EXPECT_EQ(layer.weights().size(), 3u);
  EXPECT_EQ(layer.weights()[2].dtype(), DType::i64);
  EXPECT_TRUE(layer.trainable_weights().empty());
  layers::adapt(layer, table);
  expect_values(layer.weights()[0].value(), {3, 5});
  expect_values(layer.weights()[1].value(), {8 / 3.0f, 14 / 3.0f});
  const float a = 2 / std::sqrt(8 / 3.0f), b = 3 / std::sqrt(14 / 3.0f);
  expect_values(run(layer, {table}), {-a, -b, 0, b / 3, a, b * 2 / 3});
}

TEST(Normalization, BatchesTogetherAndOtherAxes) {
  const Layer parts = layers::Normalization();
  layers::adapt(parts, {table.rows(0, 1), table.rows(1, 3)});
  expect_values(parts.weights()[1].value(), {8 / 3.0f, 14 / 3.0f});
  const Layer all = layers::Normalization({.axis = AxisArgument()});
  layers::adapt(all, table);
  EXPECT_EQ(all.weights()[0].shape(), Shape({}));
  expect_values(all.weights()[0].value(), {4});
  expect_values(all.weights()[1].value(), {14 / 3.0f});
  const Layer rows = layers::Normalization({.axis = {0, 1}});
  expect_error([&] { rows(layers::Input({2})); }, "expected a known size along axis 0");
}

TEST(Normalization, Errors) {
  expect_error([] { layers::Normalization({.mean = 1.0}); }, "both `mean` and `variance` must be set");
  expect_error([] { layers::Normalization({.mean = {1.0, 2.0}, .variance = 1.0}); }, "must have the same shape");
  expect_error([] { layers::Normalization({.axis = AxisArgument(), .mean = {1.0}, .variance = {1.0}}); },
               "The rank of `mean` must be less than or equal to the number of axes (0)");
  expect_error([] { layers::adapt(layers::Normalization({.mean = 1.0, .variance = 1.0, .name = "n"}), table); },
               "[Normalization 'n'] was given its mean and variance");
  expect_error([] { layers::adapt(layers::CategoryEncoding(3), table); }, "expected a Normalization or a Discretization layer");
  expect_error([] { layers::Normalization({.mean = {1.0, 2.0, 3.0}, .variance = {1.0, 1.0, 1.0}})(layers::Input({2})); }, "[2]");
}

// Boundaries by Keras 3.15.1.
TEST(Discretization, Adapts) {
  const Tensor data = Tensor::from(
      {37}, {1.76f,  0.4f,   0.98f, 2.24f, 1.87f,  -0.98f, 0.95f, -0.15f, -0.1f, 0.41f, 0.14f, 1.45f,  0.76f,
             0.12f,  0.44f,  0.33f, 1.49f, -0.21f, 0.31f,  -0.85f, -2.55f, 0.65f, 0.86f, -0.74f, 2.27f, -1.45f,
             0.05f,  -0.19f, 1.53f, 1.47f, 0.15f,  0.38f,  -0.89f, -1.98f, -0.35f, 0.16f, 1.23f});
  const auto boundaries = [&](std::int64_t bins, double epsilon, const Tensors& batches) {
    const Layer layer = layers::Discretization({.num_bins = bins, .epsilon = epsilon});
    layers::adapt(layer, batches);
    Layer copy;  // what was learned is part of the config
    from_config(to_config(layer), copy);
    const Config config = copy.config();
    std::vector<float> values;
    for (const ConfigValue& v : config.at("bin_boundaries").as_list()) values.push_back(static_cast<float>(v.as_double()));
    return Tensor::from({static_cast<std::int64_t>(values.size())}, values);
  };
  expect_values(boundaries(4, 0.01, {data}), {-0.205f, 0.32f, 0.9725f}, 1e-5f);
  expect_values(boundaries(3, 0.1, {data}), {-0.06533328f, 0.66333336f}, 1e-5f);
  expect_values(boundaries(5, 0.2, {data}), {-0.74f, 0.11999995f, 0.39999995f, 0.9799999f}, 1e-5f);
  expect_values(boundaries(4, 0.1, {data.rows(0, 20), data.rows(20, 37)}), {-0.4805942f, 0.26874998f, 1.1205249f}, 1e-5f);
}

TEST(Discretization, ABoundaryBelongsToTheBinAbove) {
  const Tensor y = run(layers::Discretization({.bin_boundaries = {0, 1}}), {Tensor::from({1, 5}, {-1.0f, 0.0f, 0.5f, 1.0f, 2.0f})});
  EXPECT_EQ(y.dtype(), DType::i32);
  expect_values(y, {0, 1, 1, 2, 2});
}

TEST(Discretization, Errors) {
  expect_error([] { layers::Discretization({}); }, "You need to set either `num_bins` or `bin_boundaries`.");
  expect_error([] { layers::Discretization({.bin_boundaries = {1, 0}}); }, "in ascending order");
  expect_error([] { layers::Discretization({.bin_boundaries = {0}, .num_bins = 2}); }, "should not be set");
  expect_error([] { layers::Discretization({.num_bins = 2, .name = "d"})(layers::Input({2})); },
               "[Discretization 'd'] You need to either pass the `bin_boundaries`");
  expect_error([] { layers::adapt(layers::Discretization({.bin_boundaries = {0}}), table); }, "use `num_bins` instead");
}

TEST(CategoryEncoding, ShapesAndErrors) {
  const Symbol ids = layers::Input({3}, {.dtype = DType::i32});
  EXPECT_EQ(layers::CategoryEncoding(4)(ids).shape(), Shape({open_dim, 4}));
  EXPECT_EQ(layers::CategoryEncoding(4, {.output_mode = "one_hot"})(ids).shape(), Shape({open_dim, 3, 4}));
  expect_values(run(layers::CategoryEncoding(3), {Tensor::from({1, 3}, {0, 1, 5})}), {1, 1, 0});
  expect_error([] { layers::CategoryEncoding(0); }, "`num_tokens` must be >= 1. Received: num_tokens=0.");
  expect_error([] { layers::CategoryEncoding(2, {.output_mode = "tf_idf"}); },
               "expected an output_mode among 'multi_hot', 'one_hot', 'count'; received 'tf_idf'");
  expect_error([] { layers::CategoryEncoding(2)(layers::Input({}, {.dtype = DType::i32})); }, "expected min_ndim=2, found ndim=1");
}

TEST(Resizing, IntegersStayIntegers) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < 9; ++i) pixels.push_back(static_cast<std::uint8_t>(10 * i));
  const Tensor y = run(layers::Resizing(2, 2), {Tensor::from({1, 3, 3, 1}, pixels)});
  EXPECT_EQ(y.dtype(), DType::u8);
  for (const auto& [i, wanted] : {std::pair{0, 10}, {1, 25}, {2, 55}, {3, 70}}) EXPECT_EQ(y.at<int>(i), wanted);
  EXPECT_EQ(layers::CenterCrop(2, 2)(layers::Input({3, 3, 1}, {.dtype = DType::u8})).dtype(), DType::f32);
}

TEST(Resizing, ShapesAndErrors) {
  EXPECT_EQ(layers::Resizing(4, 5)(layers::Input({-1, -1, 3})).shape(), Shape({open_dim, 4, 5, 3}));
  EXPECT_EQ(layers::CenterCrop(4, 5)(layers::Input({8, 9, 3})).shape(), Shape({open_dim, 4, 5, 3}));
  expect_error([] { layers::Resizing(0, 2); }, "Received an invalid value for `height`");
  expect_error([] { layers::Resizing(2, 2, {.crop_to_aspect_ratio = true, .pad_to_aspect_ratio = true}); },
               "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.");
  expect_error([] { layers::Resizing(2, 2, {.interpolation = "cubic", .name = "r"}); },
               "[Resizing 'r'] expected interpolation to be one of \"nearest\", \"bilinear\"");
  expect_error([] { layers::Resizing(2, 2, {.fill_mode = "reflect"}); }, "Only `'constant'` is supported");
}

}  // namespace
}  // namespace strata
