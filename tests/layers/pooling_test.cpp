#include "layers/pooling.h"

#include "core/graph/gradients.h"
#include "core/ops/ops.h"
#include "layers/input.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

const Tensor image = Tensor::from({1, 3, 3, 1}, {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f, 9.0f});

TEST(Pooling, ShapesOfSymbols) {
  const Symbol x = layers::Input({7, 9, 3});
  EXPECT_EQ(layers::MaxPooling2D()(x).shape(), Shape({open_dim, 3, 4, 3}));
  EXPECT_EQ(layers::MaxPooling2D(3, {.strides = 2, .padding = "same"})(x).shape(), Shape({open_dim, 4, 5, 3}));
  EXPECT_EQ(layers::AveragePooling2D({2, 3})(x).shape(), Shape({open_dim, 3, 3, 3}));
  EXPECT_EQ(layers::GlobalMaxPooling2D()(x).shape(), Shape({open_dim, 3}));
  EXPECT_EQ(layers::GlobalAveragePooling2D({.keepdims = true})(x).shape(), Shape({open_dim, 1, 1, 3}));
}

TEST(Pooling, ShapesOfSequencesAndVolumes) {
  const Symbol steps = layers::Input({7, 3}), volume = layers::Input({6, 7, 8, 2});
  EXPECT_EQ(layers::MaxPooling1D()(steps).shape(), Shape({open_dim, 3, 3}));
  EXPECT_EQ(layers::AveragePooling1D(3, {.strides = 2, .padding = "same"})(steps).shape(), Shape({open_dim, 4, 3}));
  EXPECT_EQ(layers::MaxPooling3D()(volume).shape(), Shape({open_dim, 3, 3, 4, 2}));
  EXPECT_EQ(layers::AveragePooling3D({1, 2, 3}, {.strides = Size3{4, 1, 2}, .padding = "same"})(volume).shape(),
            Shape({open_dim, 2, 7, 4, 2}));
  EXPECT_EQ(layers::GlobalMaxPooling1D()(steps).shape(), Shape({open_dim, 3}));
  EXPECT_EQ(layers::GlobalAveragePooling3D({.keepdims = true})(volume).shape(), Shape({open_dim, 1, 1, 1, 2}));
  EXPECT_EQ(layers::MaxPooling1D()(layers::Input({-1, 3})).shape(), Shape({open_dim, open_dim, 3}));
}

TEST(Pooling, AdaptiveOnesHaveOneOutputSizeForAllInputs) {
  EXPECT_EQ(layers::AdaptiveMaxPooling1D(4)(layers::Input({7, 3})).shape(), Shape({open_dim, 4, 3}));
  EXPECT_EQ(layers::AdaptiveAveragePooling2D({2, 9})(layers::Input({7, 5, 3})).shape(), Shape({open_dim, 2, 9, 3}));
  EXPECT_EQ(layers::AdaptiveMaxPooling3D(2)(layers::Input({-1, 5, -1, 3})).shape(), Shape({open_dim, 2, 2, 2, 3}));
  const Tensor steps = Tensor::from({1, 5, 1}, {1.0f, 2.0f, 4.0f, 8.0f, 16.0f});
  expect_values(run(layers::AdaptiveAveragePooling1D(3), {steps}), {1.5f, (2 + 4 + 8) / 3.0f, 12});
  expect_values(run(layers::AdaptiveMaxPooling1D(2), {steps}), {4, 16});
}

// Of equal maxima the first in order of planes, rows and columns gets the gradient, as of an image.
TEST(Pooling, FirstMaximumOfAVolume) {
  const Tensor volume = Tensor::from({1, 2, 2, 2, 1}, {0.0f, 1.0f, 7.0f, 7.0f, 7.0f, 2.0f, 7.0f, 3.0f});
  const Value x = placeholder(volume.shape());
  const Values g = gradients(sum(layers::MaxPooling3D()(x)), {x});
  expect_values(Function({x}, g)({volume})[0], {0, 0, 1, 0, 0, 0, 0, 0});
}

TEST(Pooling, OtherNamesAreTheSameLayers) {
  const auto name = [](const Layer& layer) { return layer.class_name(); };
  EXPECT_EQ(name(layers::MaxPool1D()) + name(layers::MaxPool2D()) + name(layers::MaxPool3D()),
            "MaxPooling1DMaxPooling2DMaxPooling3D");
  EXPECT_EQ(name(layers::AvgPool1D(2)) + name(layers::AvgPool2D(2)) + name(layers::AvgPool3D(2)),
            "AveragePooling1DAveragePooling2DAveragePooling3D");
  EXPECT_EQ(name(layers::GlobalMaxPool1D()) + name(layers::GlobalMaxPool2D()) + name(layers::GlobalMaxPool3D()),
            "GlobalMaxPooling1DGlobalMaxPooling2DGlobalMaxPooling3D");
  EXPECT_EQ(name(layers::GlobalAvgPool1D()) + name(layers::GlobalAvgPool2D()) + name(layers::GlobalAvgPool3D()),
            "GlobalAveragePooling1DGlobalAveragePooling2DGlobalAveragePooling3D");
}

TEST(Pooling, ValuesByHand) {
  expect_values(run(layers::MaxPooling2D(2), {image}), {5});
  expect_values(run(layers::MaxPooling2D(2, {.padding = "same"}), {image}), {5, 6, 8, 9});
  expect_values(run(layers::AveragePooling2D(2, {.strides = 1}), {image}), {3, 4, 6, 7});
  expect_values(run(layers::AveragePooling2D(2, {.padding = "same"}), {image}),
                {3, 4.5f, 7.5f, 9});  // padding not counted
  expect_values(run(layers::GlobalMaxPooling2D(), {image}), {9});
  expect_values(run(layers::GlobalAveragePooling2D(), {image}), {5});
}

TEST(Pooling, MeanOfTheStepsThatCount) {
  const Value x = placeholder({2, 3, 2}), mask = placeholder({2, 3}, DType::boolean);
  const Value masked = with_mask(x, mask);
  const Value y = layers::GlobalAveragePooling1D()(masked),
              kept = layers::GlobalAveragePooling1D({.keepdims = true})(masked);
  EXPECT_FALSE(mask_of(y));
  EXPECT_EQ(kept.shape(), Shape({2, 1, 2}));
  const Tensor steps =
      Tensor::from({2, 3, 2}, {1.0f, 2.0f, 3.0f, 4.0f, 90.0f, 90.0f, 5.0f, 6.0f, 90.0f, 90.0f, 7.0f, 9.0f});
  const Tensor counts = cast(Tensor::from({2, 3}, {1.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f}), DType::boolean);
  const Tensors means = Function({x, mask}, {y, kept})({steps, counts});
  expect_values(means[0], {2, 3, 6, 7.5f});
  expect_values(means[1], {2, 3, 6, 7.5f});
}

TEST(Pooling, Configs) {
  const Config config = layers::MaxPooling2D(3, {.padding = "same"}).config();
  EXPECT_EQ(config.at("pool_size").as_list()[0].as_int(), 3);
  EXPECT_EQ(config.at("strides").as_list()[0].as_int(), 3);
  EXPECT_EQ(config.at("padding").as_string(), "same");
  EXPECT_FALSE(layers::GlobalMaxPooling2D().config().at("keepdims").as_bool());
  EXPECT_EQ(layers::AveragePooling2D(2).class_name(), "AveragePooling2D");
}

TEST(Pooling, Errors) {
  expect_error(
      [] { layers::MaxPooling2D(0); },
      "[MaxPooling2D] The `pool_size` argument must be a tuple of 2 positive integers. Received pool_size=(0, 0)");
  expect_error([] { layers::MaxPooling2D(2, {.padding = "full"}); }, "Received: full");
  expect_error(
      [] {
        layers::MaxPooling2D(5, {.name = "p"})(layers::Input({3, 3, 1}));
      },
      "[MaxPooling2D 'p'] Computed output size would be zero or negative. Received `inputs.shape=(None, 3, 3, 1)`, "
      "`pool_size=(5, 5)`, `strides=(5, 5)`, `padding=valid`.");
  expect_error([] { layers::GlobalMaxPooling2D({.name = "g"})(layers::Input({3})); },
               "[GlobalMaxPooling2D 'g'] expected min_ndim=4, found ndim=2");
  expect_error(
      [] {
        layers::MaxPooling1D(5)(layers::Input({4, 1}));
      },
      "Computed output size would be zero or negative. Received `inputs.shape=(None, 4, 1)`, `pool_size=(5,)`, "
      "`strides=(5,)`, `padding=valid`.");
  expect_error(
      [] {
        layers::AdaptiveMaxPooling3D({1, 0, 1});
      },
      "The `output_size` argument must be a tuple of 3 positive integers. Received output_size=(1, 0, 1)");
  expect_error([] { layers::AveragePooling3D(2)(layers::Input({3, 3, 1})); }, "expected min_ndim=5, found ndim=4");
}

}  // namespace
}  // namespace strata
