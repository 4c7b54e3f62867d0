#include "core/ops/unary.h"

#include <limits>

#include "core/ops/binary.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

TEST(Unary, FunctionsOfRealNumbers) {
  const Tensor x = floats({4}, {0.5f, 1.0f, 2.0f, 0.25f});
  expect_near(exp(x), {1.6487212707, 2.7182818285, 7.3890560989, 1.2840254167});
  expect_near(log(x), {-0.6931471806, 0, 0.6931471806, -1.3862943611});
  expect_near(expm1(x), {0.6487212707, 1.7182818285, 6.3890560989, 0.2840254167});
  expect_near(log1p(x), {0.4054651081, 0.6931471806, 1.0986122887, 0.2231435513});
  expect_near(sqrt(x), {0.7071067812, 1, 1.4142135624, 0.5});
  expect_near(rsqrt(x), {1.4142135624, 1, 0.7071067812, 2});
  expect_near(reciprocal(x), {2, 1, 0.5, 4});
  expect_near(sin(x), {0.4794255386, 0.8414709848, 0.9092974268, 0.2474039593});
  expect_near(cos(x), {0.8775825619, 0.5403023059, -0.4161468365, 0.9689124217});
  expect_near(tanh(x), {0.4621171573, 0.7615941560, 0.9640275801, 0.2449186624});
  expect_near(sigmoid(x), {0.6224593312, 0.7310585786, 0.8807970780, 0.5621765009});
  expect_near(erf(x), {0.5204998778, 0.8427007929, 0.9953222650, 0.2763263902});
  expect_near(softplus(x), {0.9740769842, 1.3132616875, 2.1269280110, 0.8259394199});
}

TEST(Unary, SignsAndRounding) {
  const Tensor x = floats({6}, {-2.5f, -0.5f, 0.0f, 0.5f, 1.5f, 2.75f});
  expect_near(abs(x), {2.5, 0.5, 0, 0.5, 1.5, 2.75}, 0);
  expect_near(-x, {2.5, 0.5, 0, -0.5, -1.5, -2.75}, 0);
  expect_near(sign(x), {-1, -1, 0, 1, 1, 1}, 0);
  expect_near(square(x), {6.25, 0.25, 0, 0.25, 2.25, 7.5625}, 0);
  expect_near(relu(x), {0, 0, 0, 0.5, 1.5, 2.75}, 0);
  expect_near(floor(x), {-3, -1, 0, 0, 1, 2}, 0);
  expect_near(ceil(x), {-2, 0, 0, 1, 2, 3}, 0);
  expect_near(round(x), {-2, 0, 0, 0, 2, 3}, 0);
}

TEST(Unary, NotANumberIsNotHidden) {
  const float n = std::numeric_limits<float>::quiet_NaN(), i = std::numeric_limits<float>::infinity();
  const Tensor x = floats({4}, {n, i, -i, 1.0f});
  expect_near(relu(x), {nan, inf, 0, 1}, 0);
  expect_near(sign(x), {nan, 1, -1, 1}, 0);
  expect_near(is_nan(x), {1, 0, 0, 0}, 0);
  expect_near(is_finite(x), {0, 0, 0, 1}, 0);
  EXPECT_EQ(is_nan(x).dtype(), DType::boolean);
}

TEST(Unary, Integers) {
  const Tensor x = Tensor::from<std::int32_t>({3}, {-3, 0, std::numeric_limits<std::int32_t>::min()});
  expect_near(abs(x), {3, 0, -2147483648.0}, 0);  // wraps around
  expect_near(square(Tensor::from<std::int32_t>({2}, {-3, 4})), {9, 16}, 0);
  expect_near(relu(x), {0, 0, 0}, 0);
  EXPECT_EQ(relu(x).dtype(), DType::i32);
  expect_near(-Tensor::from<std::uint8_t>({2}, {1, 0}), {255, 0}, 0);
  expect_near(logical_not(x), {0, 1, 0}, 0);
  const Tensor root = sqrt(Tensor::from<std::int64_t>({2}, {4, 9}));
  EXPECT_EQ(root.dtype(), DType::f32);
  expect_near(root, {2, 3});
}

TEST(Unary, SixteenBits) {
  const Tensor x = cast(floats({3}, {0.5f, -1.0f, 3.0f}), DType::bf16);
  EXPECT_EQ(exp(x).dtype(), DType::bf16);
  expect_near(exp(x), {1.6487, 0.36788, 20.0855}, 4e-3);
  expect_near(tanh(cast(x, DType::f16)), {0.46212, -0.76159, 0.99505}, 5e-4);
}

TEST(Unary, Gradients) {
  const Tensor x = doubles({5}, {0.3, 1.7, 0.9, 2.2, 0.05}), any = doubles({5}, {-1.3, 0.4, 2.1, -0.2, 7.5});
  const std::vector<std::function<Value(const Values&)>> positive{
      [](const Values& v) { return log(v[0]); }, [](const Values& v) { return sqrt(v[0]); },
      [](const Values& v) { return rsqrt(v[0]); }, [](const Values& v) { return log1p(v[0]); }};
  for (const auto& f : positive) check_gradient(f, {x}, 1e-5);
  const std::vector<std::function<Value(const Values&)>> everywhere{
      [](const Values& v) { return -v[0]; },          [](const Values& v) { return abs(v[0]); },
      [](const Values& v) { return square(v[0]); },   [](const Values& v) { return relu(v[0]); },
      [](const Values& v) { return exp(v[0]); },      [](const Values& v) { return expm1(v[0]); },
      [](const Values& v) { return sin(v[0]); },      [](const Values& v) { return cos(v[0]); },
      [](const Values& v) { return tanh(v[0]); },     [](const Values& v) { return sigmoid(v[0]); },
      [](const Values& v) { return erf(v[0]); },      [](const Values& v) { return softplus(v[0]); },
      [](const Values& v) { return reciprocal(v[0]); }};
  for (const auto& f : everywhere) check_gradient(f, {any});
}

TEST(Unary, ReluGradientReadsTheOutputOnly) {
  const Value x = placeholder({4});
  const Value g = gradients({relu(x)}, {constant(floats({4}, {1, 1, 1, 1}))}, {x})[0];
  for (const Value& in : g.node()->inputs()) EXPECT_FALSE(same(in, x));
}

TEST(Unary, ErrorsNameTheOp) {
  const Tensor b = Tensor::from<bool>({2}, std::vector<bool>{true, false});
  EXPECT_EQ(error_of([&] { neg(b); }), "[neg] expected numbers; received bool[2]");
  EXPECT_EQ(error_of([&] { apply(Exp{}, Tensor::from<std::int32_t>({1}, {1})); }),
            "[exp] expected a floating element type (f32, f64, f16, bf16); received i32[1]");
}

}  // namespace
}  // namespace strata
