#include "layers/reshaping.h"

#include "layers/input.h"
#include "layers/padding.h"
#include "layers/upsampling.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

TEST(Reshaping, ShapesOfSymbols) {
  const Symbol image = layers::Input({4, 6, 3});
  EXPECT_EQ(layers::Flatten()(image).shape(), Shape({open_dim, 72}));
  EXPECT_EQ(layers::Flatten()(layers::Input({})).shape(), Shape({open_dim, 1}));
  EXPECT_EQ(layers::Reshape({6, -1})(image).shape(), Shape({open_dim, 6, 12}));
  EXPECT_EQ(layers::Reshape({72})(image).shape(), Shape({open_dim, 72}));
  EXPECT_EQ(layers::Permute({3, 1, 2})(image).shape(), Shape({open_dim, 3, 4, 6}));
  EXPECT_EQ(layers::ZeroPadding2D()(image).shape(), Shape({open_dim, 6, 8, 3}));
  EXPECT_EQ(layers::ZeroPadding2D({1, 2})(image).shape(), Shape({open_dim, 6, 10, 3}));
  EXPECT_EQ(layers::ZeroPadding2D({{0, 1}, {2, 3}})(image).shape(), Shape({open_dim, 5, 11, 3}));
  EXPECT_EQ(layers::Cropping2D({{0, 1}, {2, 3}})(image).shape(), Shape({open_dim, 3, 1, 3}));
  EXPECT_EQ(layers::UpSampling2D()(image).shape(), Shape({open_dim, 8, 12, 3}));
  EXPECT_EQ(layers::UpSampling2D({1, 3}, {.interpolation = "bilinear"})(image).shape(), Shape({open_dim, 4, 18, 3}));
}

TEST(Reshaping, OpenSpatialSizesStayOpen) {
  const Symbol image = layers::Input({-1, 6, 3});
  EXPECT_EQ(layers::ZeroPadding2D()(image).shape(), Shape({open_dim, open_dim, 8, 3}));
  EXPECT_EQ(layers::UpSampling2D()(image).shape(), Shape({open_dim, open_dim, 12, 3}));
  EXPECT_EQ(layers::UpSampling2D(2, {.interpolation = "bilinear"})(image).shape(), Shape({open_dim, open_dim, 12, 3}));
  EXPECT_EQ(layers::Cropping2D({1, 0})(image).shape(), Shape({open_dim, open_dim, 6, 3}));
}

TEST(Reshaping, ValuesKeepTheirType) {
  const Tensor x = Tensor::from({1, 2, 2, 1}, {1, 2, 3, 4});
  const Tensor flat = run(layers::Flatten(), {x});
  EXPECT_EQ(flat.dtype(), DType::i32);
  expect_values(flat, {1, 2, 3, 4});
  expect_values(run(layers::Permute({2, 1, 3}), {x}), {1, 3, 2, 4});
  expect_values(run(layers::ZeroPadding2D({{1, 0}, {0, 1}}), {x}), {0, 0, 0, 1, 2, 0, 3, 4, 0});
  expect_values(run(layers::UpSampling2D(2), {x}), {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4});
}

// Pixel centers at half-integers, borders repeated: 4 positions between 1 and 2 lie at -1/4, 1/4, 3/4, 5/4.
TEST(Reshaping, BilinearUpSampling) {
  const Tensor row = Tensor::from({1, 1, 2, 1}, {1.0f, 2.0f});
  expect_values(run(layers::UpSampling2D({1, 2}, {.interpolation = "bilinear"}), {row}), {1, 1.25f, 1.75f, 2});
  const Tensor x = Tensor::from({1, 2, 2, 1}, {0.0f, 4.0f, 8.0f, 12.0f});
  expect_values(run(layers::UpSampling2D(2, {.interpolation = "bilinear"}), {x}),
                {0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12});
}

TEST(Reshaping, Configs) {
  EXPECT_EQ(layers::Flatten().config().at("data_format").as_string(), "channels_last");
  EXPECT_EQ(layers::Reshape({6, -1}).config().at("target_shape").as_list()[1].as_int(), -1);
  EXPECT_EQ(layers::Permute({2, 1}).config().at("dims").as_list()[0].as_int(), 2);
  EXPECT_EQ(layers::ZeroPadding2D({{0, 1}, {2, 3}}).config().at("padding").as_list()[1].as_list()[0].as_int(), 2);
  EXPECT_EQ(layers::UpSampling2D(2).config().at("interpolation").as_string(), "nearest");
}

TEST(Reshaping, Errors) {
  expect_error(
      [] { layers::Reshape({5}, {.name = "r"})(layers::Input({4})); },
      "[Reshape 'r'] The total size of the tensor must be unchanged. Received: input_shape=(4,), target_shape=(5,)");
  expect_error([] { layers::Reshape({-1, 3})(layers::Input({4})); }, "target_shape=(None, 3)");
  expect_error([] { layers::Reshape({-1, -1}); }, "of which at most one is -1; received [?,?]");
  expect_error([] { layers::Permute({1, 3}); }, "must be consecutive and start from 1. Received dims=(1, 3)");
  expect_error(
      [] {
        layers::Permute({2, 1}, {.name = "p"})(layers::Input({4}));
      },
      "[Permute 'p'] expected min_ndim=3, found ndim=2; received full shape [?,4]");
  expect_error([] { layers::ZeroPadding2D(-1); }, "expected padding of at least 0; received -1");
  expect_error([] { layers::UpSampling2D(0); }, "must be a tuple of 2 positive integers. Received size=(0, 0)");
  expect_error([] { layers::UpSampling2D(2, {.interpolation = "cubic"}); }, "received \"cubic\"");
  expect_error([] { layers::UpSampling1D(0); }, "Argument `size` should be a positive integer. Received: size=0");
  expect_error([] { layers::UpSampling3D({2, 0, 2}); }, "must be a tuple of 3 positive integers. Received size=(2, 0, 2)");
  expect_error([] { layers::RepeatVector(0); }, "Argument `n` should be a positive integer. Received: n=0");
  expect_error(
      [] {
        layers::Cropping2D({{1, 2}, {0, 1}}, {.name = "crop"})(layers::Input({3, 4, 1}));
      },
      "[Cropping2D 'crop'] Values in `cropping` argument should be smaller than the corresponding spatial dimension of the "
      "input. Received: inputs.shape=(None, 3, 4, 1), cropping=[[1, 2], [0, 1]]");
  expect_error([] { layers::Flatten({.data_format = "channels_first"}); },
               "[Flatten] expected data_format 'channels_last', the only one there is; received 'channels_first': a Permute before the layer "
               "brings the channels to the end");
  expect_error([] { layers::Flatten({.data_format = "last"}); },
               "[Flatten] The `data_format` argument must be one of {'channels_first', 'channels_last'}. Received: data_format=last");
}

}  // namespace
}  // namespace strata
