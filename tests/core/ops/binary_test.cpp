#include "core/ops/binary.h"

#include <limits>

#include "core/graph/variable.h"
#include "core/ops/unary.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

TEST(Binary, Broadcasts) {
  const Tensor a = floats({2, 3}, {1, 2, 3, 4, 5, 6}), row = floats({3}, {10, 20, 30}), column = floats({2, 1}, {1, 2});
  expect_near(a + row, {11, 22, 33, 14, 25, 36}, 0);
  expect_near(a * column, {1, 2, 3, 8, 10, 12}, 0);
  expect_near(row - column, {9, 19, 29, 8, 18, 28}, 0);
  EXPECT_EQ((row - column).shape(), (Shape{2, 3}));
  expect_near(2.0f / row, {0.2, 0.1, 0.0666666667});
  EXPECT_EQ(error_of([&] { add(a, floats({2}, {1, 2})); }),
            "[add] expected shapes that broadcast (sizes equal or 1, aligned at the last axis); received [2,3] and [2]");
}

TEST(Binary, Promotes) {
  const Tensor bytes = Tensor::from<std::uint8_t>({3}, {0, 51, 255});
  EXPECT_EQ((bytes / 255.0f).dtype(), DType::f32);
  expect_near(bytes / 255.0f, {0, 0.2, 1});
  EXPECT_EQ((bytes + 1).dtype(), DType::u8);
  expect_near(bytes + 1, {1, 52, 0}, 0);
  const Tensor ints = Tensor::from<std::int32_t>({3}, {7, -7, 1});
  EXPECT_EQ((ints / 2).dtype(), DType::f32);
  expect_near(ints / 2, {3.5, -3.5, 0.5}, 0);
  EXPECT_EQ((ints * doubles({3}, {1, 1, 1})).dtype(), DType::f64);
  EXPECT_EQ((ints + bytes).dtype(), DType::i32);
  EXPECT_EQ((ints + 0.5f).dtype(), DType::f32);
}

TEST(Binary, Power) {
  expect_near(power(floats({4}, {2, 9, -2, 0}), floats({4}, {3, 0.5f, 2, 0})), {8, 3, 4, 1});
  expect_near(power(Tensor::from<std::int32_t>({3}, {2, -3, 0}), 5), {32, -243, 0}, 0);
  EXPECT_EQ(error_of([] { power(Tensor::from<std::int32_t>({1}, {2}), -1); }),
            "[power] expected integers to powers of at least 0; received an exponent of -1");
}

TEST(Binary, DivisionRoundsDownAsInNumPy) {
  const Tensor a = Tensor::from<std::int32_t>({6}, {7, -7, 7, -7, 5, std::numeric_limits<std::int32_t>::min()});
  const Tensor b = Tensor::from<std::int32_t>({6}, {2, 2, -2, -2, 0, -1});
  expect_near(floor_divide(a, b), {3, -4, -4, 3, 0, -2147483648.0}, 0);
  expect_near(mod(a, b), {1, 1, -1, -1, 0, 0}, 0);
  const Tensor x = floats({5}, {7.5f, -7.5f, 7.5f, 1, -1}), y = floats({5}, {2, 2, -2, 0, 0.1f});
  expect_near(floor_divide(x, y), {3, -4, -4, inf, -10}, 0);
  expect_near(mod(x, y), {1.5, 0.5, -0.5, nan, 0.0}, 1e-6);
}

TEST(Binary, MaximumAndMinimum) {
  const float n = std::numeric_limits<float>::quiet_NaN();
  const Tensor a = floats({4}, {1, 5, n, 2}), b = floats({4}, {2, 3, 1, n});
  expect_near(maximum(a, b), {2, 5, nan, nan}, 0);
  expect_near(minimum(a, b), {1, 3, nan, nan}, 0);
  expect_near(maximum(floats({3}, {-1, 0, 1}), 0.0f), {0, 0, 1}, 0);
  const Tensors g = gradients_of([](const Values& v) { return maximum(v[0], v[1]); },
                                 {floats({3}, {1, 2, 3}), floats({3}, {2, 2, 2})}, floats({3}, {1, 1, 1}));
  expect_near(g[0], {0, 1, 1}, 0);  // equal: the first gets it
  expect_near(g[1], {1, 0, 0}, 0);
}

TEST(Binary, Comparisons) {
  const Tensor a = floats({3}, {1, 2, 3});
  expect_near(a < 2.0f, {1, 0, 0}, 0);
  expect_near(a <= 2, {1, 1, 0}, 0);
  expect_near(a > 2.0f, {0, 0, 1}, 0);
  expect_near(2.0f >= a, {1, 1, 0}, 0);
  expect_near(equal(a, 2.0f), {0, 1, 0}, 0);
  expect_near(not_equal(a, 2.0f), {1, 0, 1}, 0);
  EXPECT_EQ((a < 2.0f).dtype(), DType::boolean);
  expect_near(logical_and(a > 1.0f, a < 3.0f), {0, 1, 0}, 0);
  expect_near(logical_or(a < 2.0f, a > 2.0f), {1, 0, 1}, 0);
}

TEST(Binary, WhereAndClip) {
  const Tensor x = floats({2, 2}, {-1, 0.5f, 2, 3});
  expect_near(where(x > 1.0f, x, 0.0f), {0, 0, 2, 3}, 0);
  expect_near(where(floats({2}, {1, 0}), x, -x), {-1, -0.5, 2, -3}, 0);
  expect_near(clip(x, 0, 2), {0, 0.5, 2, 2}, 0);
  expect_near(clip(x, floats({2}, {0, 1}), 2.5f), {0, 1, 2, 2.5}, 0);
  EXPECT_EQ(error_of([&] { clip(x, 1, 0); }),
            "[clip] expected low <= high; received low 1.000000 and high 0.000000");
  const Tensor bytes = Tensor::from<std::uint8_t>({3}, {0, 7, 255});  // limits beyond an integer type do nothing
  expect_near(clip(bytes, -2.0, 100.0), {0, 7, 100}, 0);
  expect_near(clip(bytes, 7.0, 1e20), {7, 7, 255}, 0);
}

TEST(Binary, Gradients) {
  const Tensor a = doubles({2, 3}, {0.5, 1.5, 2.5, 0.7, 1.1, 3.3}), b = doubles({3}, {1.2, 0.4, 2.2});
  const Tensor c = doubles({2, 1}, {0.3, 1.8});
  const std::vector<std::function<Value(const Values&)>> functions{
      [](const Values& v) { return v[0] + v[1]; },          [](const Values& v) { return v[0] - v[1]; },
      [](const Values& v) { return v[0] * v[1]; },          [](const Values& v) { return v[0] / v[1]; },
      [](const Values& v) { return power(v[0], v[1]); },    [](const Values& v) { return maximum(v[0], v[1]); },
      [](const Values& v) { return minimum(v[0], v[1]); },  [](const Values& v) { return mod(v[0], v[1]); },
      [](const Values& v) { return where(v[0] > 1.0, v[0], v[1]); }};
  for (const auto& f : functions) {
    check_gradient(f, {a, b}, 1e-5);
    check_gradient(f, {c, b}, 1e-5);
  }
  check_gradient([](const Values& v) { return clip(v[0], 1.0, 2.0); }, {a});
}

TEST(Binary, PowerOfZeroHasFiniteGradients) {
  const Tensors g = gradients_of([](const Values& v) { return power(v[0], v[1]); },
                                 {floats({3}, {0, 0, 2}), floats({3}, {0, 2, 2})}, floats({3}, {1, 1, 1}));
  expect_near(g[0], {0, 0, 4});
  expect_near(g[1], {0, 0, 2.7725887222});
}

TEST(Binary, VariablesBecomeValues) {
  const Variable w("w", floats({2}, {1, 2}));
  const Value x = constant(floats({2}, {3, 4}));
  const Value y = 1.0f + abs(x * w) - w / 2.0f;
  EXPECT_EQ(y.shape(), (Shape{2}));
  EXPECT_TRUE(gradients({y}, {x}, {Value(w)})[0]);
}

}  // namespace
}  // namespace strata
