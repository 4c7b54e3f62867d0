#include "layers/activations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/compile/function.h"
#include "core/graph/gradients.h"
#include "tests/layers/activation_values.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

Activation activation_of(const std::string& expression) {
  namespace act = activations;
  static const std::map<std::string, Activation> with_arguments{
      {"relu(negative_slope=0.1)", [](Value x) { return act::relu(x, {.negative_slope = 0.1}); }},
      {"relu(max_value=4, threshold=1)", [](Value x) { return act::relu(x, {.max_value = 4.0, .threshold = 1.0}); }},
      {"leaky_relu(negative_slope=0.3)", [](Value x) { return act::leaky_relu(x, {.negative_slope = 0.3}); }},
      {"elu(alpha=2)", [](Value x) { return act::elu(x, {.alpha = 2.0}); }},
      {"gelu(approximate=true)", [](Value x) { return act::gelu(x, {.approximate = true}); }},
      {"softmax(axis=0)", [](Value x) { return act::softmax(x, {.axis = 0}); }},
      {"squareplus(b=2)", [](Value x) { return act::squareplus(x, {.b = 2.0}); }},
  };
  const auto found = with_arguments.find(expression);
  return found == with_arguments.end() ? Activation(expression) : found->second;
}

/// 0.5 ... 1.5, evenly.
Tensor slopes(const Shape& shape) {
  std::vector<float> u;
  const auto n = shape.elements();
  for (std::int64_t i = 0; i < n; ++i) u.push_back(0.5f + static_cast<float>(i) / static_cast<float>(n - 1));
  return Tensor::from(shape, u);
}

void expect_near(const Tensor& got, const std::vector<float>& wanted, const std::string& what) {
  ASSERT_EQ(got.size(), static_cast<std::int64_t>(wanted.size())) << what;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(got.at<float>(static_cast<std::int64_t>(i)), wanted[i], 2e-6f + 2e-5f * std::fabs(wanted[i]))
        << what << " at x = " << activation_values::x[i % activation_values::x.size()];
}

TEST(Activations, AgreeWithKeras) {
  for (const auto& golden : activation_values::cases) {
    const Value x = placeholder({4, 8});
    const Value y = activation_of(golden.expression)(x);
    const Value gradient = gradients(sum(y * constant(slopes(y.shape()))), {x})[0];
    const Tensors out = Function({x}, {y, gradient})({Tensor::from({4, 8}, activation_values::x)});
    expect_near(out[0], golden.y, golden.expression);
    expect_near(out[1], golden.gradient, std::string("gradient of ") + golden.expression);
  }
}

TEST(Activations, WorkOnTensorsAndSymbols) {
  const Tensor x = Tensor::from({4}, {-2.0f, -0.5f, 0.5f, 8.0f});
  EXPECT_EQ(activations::relu6(x).at<float>(3), 6.0f);
  EXPECT_EQ(activations::relu(x, {.negative_slope = 0.5, .max_value = 4.0}).at<float>(0), -1.0f);
  EXPECT_EQ(activations::relu(x, {.negative_slope = 0.5, .max_value = 4.0}).at<float>(3), 4.0f);
  EXPECT_EQ(activations::threshold(x, 0.5, -3.0).at<float>(2), -3.0f);
  EXPECT_EQ(activations::glu(x, {.axis = 0}).shape(), Shape({2}));
  const Symbol s = input_symbol("in", {open_dim, 6}, DType::f32);
  EXPECT_EQ(activations::gelu(s).shape(), Shape({open_dim, 6}));
  EXPECT_EQ(activations::glu(s).shape(), Shape({open_dim, 3}));
  EXPECT_EQ(activations::sparsemax(s).shape(), Shape({open_dim, 6}));
}

// By Keras's rule: (0, 3, 1) has K = 1 and t = 2; (-1, -1, -1) has K = 3 and t = (-1 - 2 - 3 - 1) / 3.
TEST(Activations, SparsemaxOfTiesAndOtherAxes) {
  const Tensor x = Tensor::from({3, 2}, {0.0f, -1.0f, 3.0f, -1.0f, 1.0f, -1.0f});
  testing::expect_values(activations::sparsemax(x, {.axis = 0}), {0, 4 / 3.0f, 1, 4 / 3.0f, 0, 4 / 3.0f});
}

TEST(Activations, NamesAndAliases) {
  EXPECT_TRUE(Activation().is_linear());
  EXPECT_TRUE(Activation("").is_linear());
  EXPECT_EQ(Activation("linear").name(), "linear");
  EXPECT_EQ(Activation("swish").name(), "silu");
  EXPECT_EQ(Activation("hard_swish").name(), "hard_silu");
  EXPECT_EQ(Activation([](Value x) { return x * 2.0; }).name(), "<lambda>");
  testing::expect_error([] { Activation unknown("foo"); }, "Could not interpret activation function identifier: foo");
}

}  // namespace
}  // namespace strata
