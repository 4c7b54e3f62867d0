#include "layers/activation_layers.h"

#include <cmath>

#include "core/base/json.h"
#include "layers/input.h"
#include "layers/registry.h"
#include "layers/rescaling.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

const Tensor sample = Tensor::from({1, 4}, {-2.0f, -0.5f, 0.5f, 8.0f});

TEST(ActivationLayers, Values) {
  expect_values(run(layers::Activation("relu"), {sample}), {0, 0, 0.5f, 8});
  expect_values(run(layers::Activation([](Value x) { return x + 1.0; }), {sample}), {-1, 0.5f, 1.5f, 9});
  expect_values(run(layers::ReLU(), {sample}), {0, 0, 0.5f, 8});
  expect_values(run(layers::ReLU({.max_value = 6.0, .negative_slope = 0.5}), {sample}), {-1, -0.25f, 0.5f, 6});
  expect_values(run(layers::ReLU({.threshold = 1.0}), {sample}), {0, 0, 0, 8});
  expect_values(run(layers::LeakyReLU(), {sample}), {-0.6f, -0.15f, 0.5f, 8});
  expect_values(run(layers::Softmax(), {Tensor::from({1, 2}, {0.0f, std::log(3.0f)})}), {0.25f, 0.75f});
  expect_values(run(layers::Softmax({.axis = 0}), {Tensor::from({2, 1}, {1.0f, 1.0f})}), {0.5f, 0.5f});
}

TEST(ActivationLayers, IntegersBecomeFloats) {
  const Tensor x = Tensor::from({1, 2}, std::vector<std::uint8_t>{0, 255});
  EXPECT_EQ(run(layers::Activation("linear"), {x}).dtype(), DType::f32);
  expect_values(run(layers::Rescaling(1.0 / 255), {x}), {0, 1});
  expect_values(run(layers::Rescaling(2.0, {.offset = -1.0}), {x}), {-1, 509});
}

TEST(ActivationLayers, RescalingTakesANumberForEachChannel) {
  const Tensor x = Tensor::from<float>({2, 1, 2}, {1, 2, 3, 4});
  const Layer layer = layers::Rescaling({10.0, 0.5}, {.offset = {0.0, 1.0}, .name = "scaled"});
  expect_values(run(layer, {x}), {10, 2, 30, 3});
  expect_values(run(layers::Rescaling(2.0, {.offset = {0.0, 1.0}}), {x}), {2, 5, 6, 9});
  EXPECT_EQ(to_json(layer.config()), R"({"scale": [10.0, 0.5], "offset": [0.0, 1.0]})");
  Layer again;
  from_config(to_config(layer), again);
  expect_values(run(again, {x}), {10, 2, 30, 3});
  expect_error(
      [&] {
        layer(layers::Input({4, 3}));
      },
      "[Rescaling 'scaled'] expected an input that numbers of shape [2] broadcast to; received [?,4,3]");
  expect_error([] { layers::Rescaling(1.0, {.offset = {}, .name = "none"}); },
               "[Rescaling 'none'] expected numbers as scale and offset; received none");
}

TEST(ActivationLayers, NamesAndConfigs) {
  const Layer relu = layers::ReLU({.max_value = 6.0, .name = "cap"});
  EXPECT_EQ(relu.name(), "cap");
  EXPECT_EQ(relu.class_name(), "ReLU");
  EXPECT_EQ(relu.config().at("max_value").as_double(), 6.0);
  EXPECT_TRUE(layers::ReLU().config().at("max_value").is_null());
  EXPECT_EQ(layers::LeakyReLU().config().at("negative_slope").as_double(), 0.3);
  EXPECT_EQ(layers::Activation("swish").config().at("activation").as_string(), "silu");
  EXPECT_EQ(layers::Softmax().config().at("axis").as_int(), -1);
  const Layer rescaling = layers::Rescaling(0.5);
  EXPECT_EQ(rescaling.config().at("scale").as_double(), 0.5);
  EXPECT_EQ(rescaling(layers::Input({3}, {.dtype = DType::u8})).shape(), Shape({open_dim, 3}));
}

TEST(ActivationLayers, IdentityKeepsTypeAndValues) {
  const Tensor x = Tensor::from({1, 2}, {1, 2});
  const Tensor y = run(layers::Identity(), {x});
  EXPECT_EQ(y.dtype(), DType::i32);
  EXPECT_EQ(y.at<int>(1), 2);
}

TEST(ActivationLayers, Errors) {
  expect_error([] { layers::Activation("foo"); }, "Could not interpret activation function identifier: foo");
  expect_error([] { layers::ReLU({.max_value = -1.0, .name = "cap"}); },
               "[ReLU 'cap'] max_value of a ReLU layer cannot be a negative value. Received: max_value=-1");
  expect_error([] { layers::Softmax({.axis = 2, .name = "s"})(layers::Input({3})); }, "[Softmax 's']");
}

}  // namespace
}  // namespace strata
