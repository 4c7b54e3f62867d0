// A user's op in the library's harness, and that the harness notices what is wrong with one.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/graph/gradients.h"
#include "core/ops/ops.h"
#include "tests/core/ops/harness/harness.h"

namespace strata::harness {
namespace {

/// x^2 / (1 + |x|), in the simple form and for f32 only; `slope_error` spoils the gradient, `value_error` the result.
struct Softsquare {
  float slope_error = 0, value_error = 0;
  static constexpr std::string_view name = "softsquare";
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node& node, Value g) const {
    const Value x = node.input(0), d = 1.0f + abs(x);
    return {g * ((2.0f * x * d - square(x) * sign(x)) / square(d) + slope_error)};
  }
  void run(Cpu& cpu, Buffers io) const {
    const auto x = io.in<float>(0);
    const auto y = io.out<float>(0);
    cpu.parallel_for(y.size(), [&](std::size_t i) { y[i] = x[i] * x[i] / (1.0f + std::fabs(x[i])) + value_error; });
  }
};

Sample softsquare_sample(const Softsquare& op, const Shape& shape) {
  Sample s{.label = to_string(shape), .op = op, .inputs = {to_dtype(uniform(shape, -3, 3, 1), DType::f32)}};
  s.reference = [](const Arrays& in) {
    return Arrays{
        built(in[0].shape, [&](const Index& i) { return in[0].at(i) * in[0].at(i) / (1 + std::abs(in[0].at(i))); })};
  };
  s.as_given = true;
  s.step = 1e-2;  // differences of f32 numbers
  s.slope_tolerance = 2e-3;
  return s;
}

/// The same as a tile function.
struct TiledSoftsquare {
  static constexpr std::string_view name = "tiled_softsquare";
  bool operator==(const TiledSoftsquare&) const = default;
  Type infer(std::span<const Type> in) const {
    if (in[0].dtype != DType::f32 && in[0].dtype != DType::f64) fail_expected(name, "f32 or f64", to_string(in[0]));
    return in[0];
  }
  Values vjp(const Node& node, Value g) const { return Softsquare{}.vjp(node, g); }
  Tile tile(std::span<const DType> in) const {
    if (in[0] == DType::f64) return {&run<double>, DType::f64};
    return {&run<float>, DType::f32};
  }
  template <class T>
  static void run(const void*, const void* const* in, void* out, std::size_t n) {
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out);
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * x[i] / (1 + std::abs(x[i]));
  }
};

TEST(UserOp, OnTensorsAndValues) {
  const Tensor x = Tensor::from<float>({3}, {-1, 0, 3});
  const Tensor y = apply(Softsquare{}, x);
  EXPECT_EQ(y.at<float>(0), 0.5f);
  EXPECT_EQ(y.at<float>(2), 2.25f);
  const Value in = placeholder({3});
  const Function f({in}, {apply(Softsquare{}, in) * 2.0, gradients(sum(apply(Softsquare{}, in)), {in})[0]});
  const Tensors out = f({x});
  EXPECT_EQ(out[0].at<float>(2), 4.5f);
  EXPECT_NEAR(out[1].at<float>(0), -0.75f, 1e-6);
  EXPECT_NEAR(out[1].at<float>(2), 15.0f / 16, 1e-6);
  EXPECT_NE(f.plan().dump().find("softsquare"), std::string::npos);
}

TEST(UserOp, PassesTheHarness) {
  for (const Shape& shape : Shapes{{3, 5}, {}, {0, 2}, {30011}}) check(softsquare_sample({}, shape));
}

TEST(UserOp, OneWithTilesIsFused) {
  Sample s = softsquare_sample({}, {3, 5});
  s.op = TiledSoftsquare{};
  s.inputs = {uniform({3, 5}, -3, 3, 1)};
  s.as_given = false;
  s.step = 1e-5;
  s.slope_tolerance = 1e-6;
  check(s);
  const Value x = placeholder({4});
  EXPECT_EQ(Function({x}, {exp(apply(TiledSoftsquare{}, x)) + x}).plan().steps().size(), 1u);
}

TEST(UserOp, AnErrorInItsGradientIsFound) {
  EXPECT_NONFATAL_FAILURE(check_gradient(softsquare_sample({.slope_error = 0.05f}, {40})), "gradient of input 0");
}

TEST(UserOp, AnErrorInItsNumbersIsFound) {
  EXPECT_NONFATAL_FAILURE(check_reference(softsquare_sample({.value_error = 1e-3f}, {1})), "against the reference");
}

}  // namespace
}  // namespace strata::harness
