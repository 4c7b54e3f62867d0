#include "layers/pooling.h"

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

TEST(Pooling, ValuesByHand) {
  expect_values(run(layers::MaxPooling2D(2), {image}), {5});
  expect_values(run(layers::MaxPooling2D(2, {.padding = "same"}), {image}), {5, 6, 8, 9});
  expect_values(run(layers::AveragePooling2D(2, {.strides = 1}), {image}), {3, 4, 6, 7});
  expect_values(run(layers::AveragePooling2D(2, {.padding = "same"}), {image}),
                {3, 4.5f, 7.5f, 9});  // padding not counted
  expect_values(run(layers::GlobalMaxPooling2D(), {image}), {9});
  expect_values(run(layers::GlobalAveragePooling2D(), {image}), {5});
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
}

}  // namespace
}  // namespace strata
