#include <cmath>
#include <numeric>

#include "layers/conv.h"
#include "layers/depthwise_conv.h"
#include "layers/input.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

Tensor counting(const Shape& shape) {
  std::vector<float> v(static_cast<std::size_t>(shape.elements()));
  std::iota(v.begin(), v.end(), 1.0f);
  return Tensor::from(shape, v);
}

std::vector<Shape> weight_shapes(const Layer& layer) {
  std::vector<Shape> shapes;
  for (const Variable& v : layer.weights()) shapes.push_back(v.shape());
  return shapes;
}

TEST(Conv2D, ShapesAndWeights) {
  const Symbol image = layers::Input({28, 28, 6});
  const Layer conv = layers::Conv2D(32, {3, 5}, {.groups = 2, .name = "conv"});
  EXPECT_EQ(conv(image).shape(), Shape({open_dim, 26, 24, 32}));
  EXPECT_EQ(weight_shapes(conv), (std::vector<Shape>{{3, 5, 3, 32}, {32}}));
  EXPECT_EQ(conv.weights()[0].path(), "conv/kernel");
  EXPECT_EQ(layers::Conv2D(4, 3, {.padding = "same"})(image).shape(), Shape({open_dim, 28, 28, 4}));
  EXPECT_EQ(layers::Conv2D(4, 3, {.strides = 3, .padding = "same"})(image).shape(), Shape({open_dim, 10, 10, 4}));
  EXPECT_EQ(layers::Conv2D(4, 3, {.strides = {2, 3}})(image).shape(), Shape({open_dim, 13, 9, 4}));
  EXPECT_EQ(layers::Conv2D(4, 3, {.dilation_rate = 2})(image).shape(), Shape({open_dim, 24, 24, 4}));
  EXPECT_EQ(layers::Conv2D(4, 3)(layers::Input({-1, -1, 3})).shape(), Shape({open_dim, open_dim, open_dim, 4}));
}

TEST(Conv2D, ValuesByHand) {
  const Layer conv = layers::Conv2D(
      1, 2, {.activation = "relu", .kernel_initializer = "ones", .bias_initializer = initializers::Constant(-14)});
  expect_values(run(conv, {counting({1, 3, 3, 1})}), {0, 2, 10, 14});  // window sums 12, 16, 24, 28
  const Layer same =
      layers::Conv2D(1, 2, {.strides = 2, .padding = "same", .use_bias = false, .kernel_initializer = "ones"});
  expect_values(run(same, {counting({1, 3, 3, 1})}), {12, 9, 15, 9});  // padding at the end only
}

TEST(DepthwiseConv2D, ShapesAndValues) {
  const Layer conv = layers::DepthwiseConv2D(3, {.strides = 2, .padding = "same", .depth_multiplier = 2, .name = "dw"});
  EXPECT_EQ(conv(layers::Input({9, 9, 4})).shape(), Shape({open_dim, 5, 5, 8}));
  EXPECT_EQ(weight_shapes(conv), (std::vector<Shape>{{3, 3, 4, 2}, {8}}));
  EXPECT_EQ(conv.weights()[0].path(), "dw/kernel");
  const Layer scale = layers::DepthwiseConv2D(1, {.depth_multiplier = 2});
  scale(layers::Input({1, 1, 2}));
  scale.set_weights(
      {Tensor::from({1, 1, 2, 2}, {1.0f, 10.0f, 100.0f, 1000.0f}), Tensor::from({4}, {0.0f, 0.0f, 0.0f, 1.0f})});
  expect_values(run(scale, {Tensor::from({1, 1, 1, 2}, {2.0f, 3.0f})}), {2, 20, 300, 3001});
}

TEST(SeparableConv2D, ShapesAndValues) {
  const Layer conv =
      layers::SeparableConv2D(6, 3, {.strides = 2, .depth_multiplier = 3, .use_bias = false, .name = "sep"});
  EXPECT_EQ(conv(layers::Input({9, 9, 2})).shape(), Shape({open_dim, 4, 4, 6}));
  EXPECT_EQ(weight_shapes(conv), (std::vector<Shape>{{3, 3, 2, 3}, {1, 1, 6, 6}}));
  EXPECT_EQ(conv.weights()[1].path(), "sep/pointwise_kernel");
  const Layer sums = layers::SeparableConv2D(
      1, 2, {.depthwise_initializer = "ones", .pointwise_initializer = "ones", .bias_initializer = "ones"});
  expect_values(run(sums, {counting({1, 2, 2, 2})}), {37});  // 1 + ... + 8, and the bias
}

TEST(Conv2DTranspose, ShapesAndWeights) {
  const Symbol image = layers::Input({4, 5, 3});
  const Layer conv = layers::Conv2DTranspose(2, 3, {.strides = 2, .name = "up"});
  EXPECT_EQ(conv(image).shape(), Shape({open_dim, 9, 11, 2}));
  EXPECT_EQ(weight_shapes(conv), (std::vector<Shape>{{3, 3, 2, 3}, {2}}));
  EXPECT_EQ(layers::Conv2DTranspose(2, 2, {.strides = 3})(image).shape(), Shape({open_dim, 12, 15, 2}));
  EXPECT_EQ(layers::Conv2DTranspose(2, 3, {.strides = 2, .padding = "same"})(image).shape(),
            Shape({open_dim, 8, 10, 2}));
  EXPECT_EQ(layers::Conv2DTranspose(2, {3, 5}, {.strides = 2, .padding = "same", .output_padding = Size2{1, 0}})(image)
                .shape(),
            Shape({open_dim, 8, 9, 2}));
  EXPECT_EQ(layers::Conv2DTranspose(2, 3, {.strides = 2, .output_padding = Size2(1)})(image).shape(),
            Shape({open_dim, 10, 12, 2}));
}

TEST(Conv2DTranspose, ValuesByHand) {
  const Layer spread = layers::Conv2DTranspose(1, 2, {.strides = 2, .use_bias = false, .kernel_initializer = "ones"});
  expect_values(run(spread, {counting({1, 2, 2, 1})}), {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4});
  // "same" of a kernel of 3 with stride 2: a forward convolution would pad at the end only, so the end is cut.
  const Layer same = layers::Conv2DTranspose(1, {1, 3}, {.strides = {1, 2}, .padding = "same", .use_bias = false});
  same(layers::Input({1, 2, 1}));
  same.set_weights({Tensor::from({1, 3, 1, 1}, {1.0f, 10.0f, 100.0f})});
  expect_values(run(same, {Tensor::from({1, 1, 2, 1}, {1.0f, 2.0f})}), {1, 10, 102, 20});
}

TEST(Conv1D, ShapesAndWeights) {
  const Symbol steps = layers::Input({12, 4});
  const Layer conv = layers::Conv1D(6, 3, {.groups = 2, .name = "conv"});
  EXPECT_EQ(conv(steps).shape(), Shape({open_dim, 10, 6}));
  EXPECT_EQ(weight_shapes(conv), (std::vector<Shape>{{3, 2, 6}, {6}}));
  EXPECT_EQ(layers::Conv1D(6, 5, {.strides = 2, .padding = "same"})(steps).shape(), Shape({open_dim, 6, 6}));
  EXPECT_EQ(layers::Conv1D(6, 5, {.strides = 5, .padding = "causal"})(steps).shape(), Shape({open_dim, 3, 6}));
  EXPECT_EQ(layers::Conv1D(6, 20, {.padding = "causal"})(steps).shape(), Shape({open_dim, 12, 6}));
  EXPECT_EQ(layers::Conv1D(6, 3)(layers::Input({-1, 4})).shape(), Shape({open_dim, open_dim, 6}));
  const Layer depthwise = layers::DepthwiseConv1D(3, {.strides = 2, .depth_multiplier = 2});
  EXPECT_EQ(depthwise(steps).shape(), Shape({open_dim, 5, 8}));
  EXPECT_EQ(weight_shapes(depthwise), (std::vector<Shape>{{3, 4, 2}, {8}}));
  const Layer separable = layers::SeparableConv1D(5, 3, {.depth_multiplier = 2});
  EXPECT_EQ(separable(steps).shape(), Shape({open_dim, 10, 5}));
  EXPECT_EQ(weight_shapes(separable), (std::vector<Shape>{{3, 4, 2}, {1, 8, 5}, {5}}));
  const Layer up = layers::Conv1DTranspose(5, 3, {.strides = 2, .output_padding = Size1(1)});
  EXPECT_EQ(up(steps).shape(), Shape({open_dim, 26, 5}));
  EXPECT_EQ(weight_shapes(up), (std::vector<Shape>{{3, 5, 4}, {5}}));
}

TEST(Conv1D, CausalDoesNotLookAhead) {
  const Layer conv =
      layers::Conv1D(1, 2, {.padding = "causal", .dilation_rate = 2, .use_bias = false, .kernel_initializer = "ones"});
  expect_values(run(conv, {counting({1, 5, 1})}), {1, 2, 1 + 3, 2 + 4, 3 + 5});
}

TEST(Conv3D, ShapesAndWeights) {
  const Symbol volume = layers::Input({8, 9, 10, 4});
  const Layer conv = layers::Conv3D(6, {1, 2, 3}, {.groups = 2});
  EXPECT_EQ(conv(volume).shape(), Shape({open_dim, 8, 8, 8, 6}));
  EXPECT_EQ(weight_shapes(conv), (std::vector<Shape>{{1, 2, 3, 2, 6}, {6}}));
  EXPECT_EQ(layers::Conv3D(6, 3, {.strides = {2, 1, 3}, .padding = "same"})(volume).shape(),
            Shape({open_dim, 4, 9, 4, 6}));
  const Layer up = layers::Conv3DTranspose(5, 2, {.strides = {1, 2, 3}});
  EXPECT_EQ(up(volume).shape(), Shape({open_dim, 9, 18, 30, 5}));
  EXPECT_EQ(weight_shapes(up), (std::vector<Shape>{{2, 2, 2, 5, 4}, {5}}));
}

TEST(Convolutions, OtherNamesAreTheSameLayers) {
  EXPECT_EQ(layers::Convolution1D(1, 2).class_name(), "Conv1D");
  EXPECT_EQ(layers::Convolution2D(1, {2, 3}, {.strides = 2}).class_name(), "Conv2D");
  EXPECT_EQ(layers::Convolution3D(1, 2).class_name(), "Conv3D");
  EXPECT_EQ(layers::Convolution1DTranspose(1, 2).class_name(), "Conv1DTranspose");
  EXPECT_EQ(layers::Convolution2DTranspose(1, 2).class_name(), "Conv2DTranspose");
  EXPECT_EQ(layers::Convolution3DTranspose(1, 2).class_name(), "Conv3DTranspose");
  EXPECT_EQ(layers::SeparableConvolution1D(1, 2).class_name(), "SeparableConv1D");
  EXPECT_EQ(layers::SeparableConvolution2D(1, 2).class_name(), "SeparableConv2D");
}

TEST(Convolutions, Configs) {
  const Config conv = layers::Conv2D(8, 3, {.strides = {1, 2}, .padding = "same"}).config();
  EXPECT_EQ(conv.at("filters").as_int(), 8);
  EXPECT_EQ(conv.at("kernel_size").as_list()[1].as_int(), 3);
  EXPECT_EQ(conv.at("strides").as_list()[1].as_int(), 2);
  EXPECT_EQ(conv.at("padding").as_string(), "same");
  EXPECT_EQ(conv.at("groups").as_int(), 1);
  EXPECT_FALSE(layers::DepthwiseConv2D(3).config().contains("groups"));
  EXPECT_EQ(layers::DepthwiseConv2D(3).config().at("depthwise_initializer").as_config().at("class_name").as_string(),
            "GlorotUniform");
  EXPECT_TRUE(layers::Conv2DTranspose(2, 3).config().at("output_padding").is_null());
  EXPECT_EQ(layers::SeparableConv2D(2, 3).config().at("depth_multiplier").as_int(), 1);
}

TEST(Convolutions, ErrorsOfArguments) {
  expect_error(
      [] { layers::Conv2D(0, 3); },
      "[Conv2D] Invalid value for argument `filters`. Expected a strictly positive value. Received filters=0.");
  expect_error(
      [] {
        layers::Conv2D(1, {3, 0});
      },
      "The `kernel_size` argument must be a tuple of 2 positive integers. Received kernel_size=(3, 0)");
  expect_error([] { layers::Conv2D(1, 3, {.padding = "foo"}); }, "must be one of {'same', 'valid'}. Received: foo");
  expect_error([] { layers::Conv2D(1, 3, {.data_format = "channels_first"}); }, "expected data_format 'channels_last'");
  expect_error([] { layers::Conv2D(1, 3, {.strides = 2, .dilation_rate = 2, .name = "c"}); },
               "[Conv2D 'c'] `strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
               "strides=(2, 2) and dilation_rate=(2, 2)");
  expect_error([] { layers::Conv2D(3, 3, {.groups = 2}); },
               "The number of filters must be evenly divisible by the number of groups");
  expect_error([] { layers::Conv2DTranspose(1, 3, {.strides = 2, .output_padding = Size2(2)}); },
               "`output_padding` must be strictly less than `strides` for all dimensions. At dimension 0, "
               "`output_padding` is 2 but `strides` is 2. Received: output_padding=(2, 2), strides=(2, 2)");
  expect_error([] { layers::Conv1DTranspose(1, 3, {.output_padding = Size1(-1)}); },
               "expected an output_padding of at least 0; received (-1,)");
  expect_error([] { layers::Conv1D(1, 0); }, "must be a tuple of 1 positive integers. Received kernel_size=(0,)");
  expect_error([] { layers::Conv3D(1, {1, 2, -1}); }, "tuple of 3 positive integers. Received kernel_size=(1, 2, -1)");
  expect_error([] { layers::Conv1D(1, 2, {.padding = "full"}); },
               "[Conv1D] The `padding` argument must be one of {'causal', 'same', 'valid'}. Received: full");
  expect_error([] { layers::DepthwiseConv1D(2, {.padding = "causal"}); },
               "[DepthwiseConv1D] The `padding` argument must be one of {'same', 'valid'}. Received: causal");
  expect_error([] { layers::DepthwiseConv1D(1, {.depth_multiplier = 0}); },
               "Invalid value for argument `depth_multiplier`. Expected a strictly positive value");
}

TEST(Convolutions, ErrorsOfInputs) {
  expect_error([] { layers::Conv1D(1, 3, {.name = "c"})(layers::Input({5})); },
               "[Conv1D 'c'] expected min_ndim=3, found ndim=2");
  expect_error([] { layers::Conv3D(1, 3)(layers::Input({4, 4, 4})); }, "expected min_ndim=5, found ndim=4");
  expect_error(
      [] {
        layers::SeparableConv1D(2, 4)(layers::Input({3, 1}));
      },
      "Computed output size would be zero or negative. Received `inputs shape=(None, 3, 1)`, `kernel shape=(4, "
      "1, 1)`, `dilation_rate=(1,)`, `strides=(1,)`, `padding=valid`.");
  expect_error(
      [] {
        layers::Conv2D(1, 3, {.name = "conv2d_1"})(placeholder({2, 28, 28}));
      },
      "[Conv2D 'conv2d_1'] expected min_ndim=4, found ndim=3; received full shape [2,28,28]");
  expect_error(
      [] {
        layers::Conv2D(2, 3, {.groups = 2})(layers::Input({8, 8, 3}));
      },
      "Received groups=2, but the input has 3 channels (full input shape is (None, 8, 8, 3)).");
  expect_error(
      [] {
        layers::Conv2D(2, 5)(layers::Input({3, 3, 1}));
      },
      "Computed output size would be zero or negative. Received `inputs shape=(None, 3, 3, 1)`, `kernel shape=(5, 5, "
      "1, 2)`, "
      "`dilation_rate=(1, 1)`, `strides=(1, 1)`, `padding=valid`.");
  const Layer conv = layers::Conv2D(2, 3, {.name = "c"});
  conv(layers::Input({8, 8, 3}));
  expect_error(
      [&] {
        conv(layers::Input({8, 8, 1}));
      },
      "[Conv2D 'c'] expected axis -1 of input shape to have value 3; received an input of shape [?,8,8,1]");
  expect_error([&] { conv(layers::Input({2, 8, 3})); }, "Computed output size would be zero or negative");
}

}  // namespace
}  // namespace strata
