#include "layers/merging.h"

#include "layers/input.h"
#include "layers/merge_functions.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

const Tensor left = Tensor::from({2, 2}, {1.0f, -2.0f, 3.0f, 4.0f});
const Tensor right = Tensor::from({2, 2}, {5.0f, 1.0f, -3.0f, 2.0f});

TEST(Merging, Values) {
  expect_values(run(layers::Add(), {left, right, left}), {7, -3, 3, 10});
  expect_values(run(layers::Subtract(), {left, right}), {-4, -3, 6, 2});
  expect_values(run(layers::Multiply(), {left, right}), {5, -2, -9, 8});
  expect_values(run(layers::Average(), {left, right}), {3, -0.5f, 0, 3});
  expect_values(run(layers::Maximum(), {left, right}), {5, 1, 3, 4});
  expect_values(run(layers::Minimum(), {left, right}), {1, -2, -3, 2});
  expect_values(run(layers::Concatenate(), {left, right}), {1, -2, 5, 1, 3, 4, -3, 2});
  expect_values(run(layers::Concatenate({.axis = 0}), {left, right}), {1, -2, 3, 4, 5, 1, -3, 2});
}

TEST(Merging, Functions) {
  const Symbol a = layers::Input({3}), b = layers::Input({3});
  for (const Symbol& y : {layers::add({a, b}), layers::subtract({a, b}), layers::multiply({a, b}), layers::average({a, b}),
                          layers::maximum({a, b}), layers::minimum({a, b})})
    EXPECT_EQ(y.shape(), Shape({open_dim, 3}));
  EXPECT_EQ(layers::concatenate({a, b}, {.name = "both"}).shape(), Shape({open_dim, 6}));
  EXPECT_EQ(layers::concatenate({a, b}, {.name = "both"}).node()->callee->name(), "both");
  EXPECT_EQ(layers::dot({a, b}).shape(), Shape({open_dim, 1}));
}

TEST(Merging, LowerRanksGetAxesBehindTheBatch) {
  const Tensor images = Tensor::from({2, 2, 2}, {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f});
  expect_values(run(layers::Add(), {images, left}), {1, -1, 3, 1, 7, 9, 9, 11});
}

TEST(Merging, ShapesOfSymbols) {
  const Symbol a = layers::Input({4, 3}), b = layers::Input({4, 5}), c = layers::Input({1, 3});
  EXPECT_EQ(layers::Concatenate()({a, b}).shape(), Shape({open_dim, 4, 8}));
  EXPECT_EQ(layers::Add()({a, c}).shape(), Shape({open_dim, 4, 3}));
  EXPECT_EQ(layers::Add({.name = "sum"}).name(), "sum");
  EXPECT_EQ(layers::Concatenate({.axis = 1}).config().at("axis").as_int(), 1);
}

TEST(Merging, Errors) {
  const Symbol a = layers::Input({2, 3}), b = layers::Input({3, 3}), c = layers::Input({2});
  expect_error(
      [&] {
        layers::Concatenate({.name = "join"})({a, b});
      },
      "[Concatenate 'join'] A `Concatenate` layer requires inputs with matching shapes except for the concatenation "
      "axis. Received: input_shape=[(None, 2, 3), (None, 3, 3)]");
  expect_error(
      [&] {
        layers::Add({.name = "sum"})({a, c});
      },
      "[Add 'sum'] Inputs have incompatible shapes. Received shapes (2, 3) and (2,)");
  expect_error(
      [&] {
        layers::Subtract({.name = "less"})({a, a, a});
      },
      "[Subtract 'less'] A `Subtract` layer should be called on exactly 2 inputs. Received: 3 inputs");
}

}  // namespace
}  // namespace strata
