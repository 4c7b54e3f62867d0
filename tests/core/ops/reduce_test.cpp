#include "core/ops/reduce.h"

#include <limits>

#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

/// Numbers of either sign that do not cancel exactly.
Tensor wave(const Shape& shape) {
  Tensor t(DType::f32, shape);
  for (std::int64_t i = 0; i < t.size(); ++i)
    t.mutable_data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(std::sin(0.1 * static_cast<double>(i * i % 977)) + 0.25);
  return t;
}

/// Sums (or largest elements) in double precision, straight from the definition.
std::vector<double> reference(const Tensor& x, const Axes& axes, bool largest) {
  const Axes all = normalize_axes(axes, x.shape().rank(), "reference");
  const auto strides = row_major_strides(x.shape());
  Shape kept = x.shape();
  for (std::int64_t a : all) kept[a] = 1;
  const auto kept_strides = row_major_strides(kept);
  std::vector<double> out(static_cast<std::size_t>(kept.elements()), largest ? -1e300 : 0.0);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    std::int64_t to = 0;
    for (std::size_t a = 0; a < strides.size(); ++a)
      if (kept.dims()[a] != 1) to += i / strides[a] % x.shape().dims()[a] * kept_strides[a];
    double& y = out[static_cast<std::size_t>(to)];
    y = largest ? std::max(y, x.at<double>(i)) : y + x.at<double>(i);
  }
  return out;
}

TEST(Reduce, SmallByHand) {
  const Tensor x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(sum(x).item<float>(), 21);
  expect_near(sum(x, {0}), {5, 7, 9}, 0);
  expect_near(sum(x, {-1}), {6, 15}, 0);
  EXPECT_EQ(sum(x, {-1}, {.keepdims = true}).shape(), (Shape{2, 1}));
  EXPECT_EQ(sum(x, {}, {.keepdims = true}).shape(), (Shape{1, 1}));
  expect_near(mean(x, {0}), {2.5, 3.5, 4.5}, 0);
  expect_near(max(x, {1}), {3, 6}, 0);
  expect_near(min(x, {0}), {1, 2, 3}, 0);
  expect_near(prod(x, {1}), {6, 120}, 0);
  expect_near(any(x > 5.0f, {1}), {0, 1}, 0);
  expect_near(all(x > 3.0f, {1}), {0, 1}, 0);
  expect_near(variance(x, {1}), {2.0 / 3, 2.0 / 3});
  expect_near(stddev(x, {0}), {1.5, 1.5, 1.5});
}

TEST(Reduce, EveryShapeOfAxes) {
  const std::vector<std::pair<Shape, Axes>> cases{
      {{100003}, {}},         {{3, 70000}, {1}},     {{40000, 10}, {0}},   {{50, 2100}, {0}},  {{9000, 64}, {0}},
      {{8, 20, 20, 33}, {0, 1, 2}}, {{8, 20, 20, 33}, {1, 2}}, {{6, 50, 7, 40}, {0, 2}}, {{5, 6, 7, 8}, {1, 3}},
      {{4, 5}, {1}},          {{1, 1, 300}, {0, 2}}, {{64, 1000}, {-1}},   {{2, 3, 4}, {0, 1, 2}}, {{1, 5}, {0}}};
  for (const auto& [shape, axes] : cases) {
    SCOPED_TRACE(to_string(shape) + " over " + to_string(Shape(axes)));
    const Tensor x = wave(shape);
    expect_near(sum(x, axes), reference(x, axes, false), 1e-6);
    expect_near(max(x, axes), reference(x, axes, true), 0);
    expect_near(sum(cast(x, DType::f64), axes), reference(x, axes, false), 1e-12);
  }
}

TEST(Reduce, LongSumsStayExact) {
  Tensor x(DType::f32, {3'000'000});
  for (float& v : x.mutable_data<float>()) v = 0.1f;
  EXPECT_NEAR(mean(x).item<double>(), 0.1f, 1e-6 * 0.1);
  const Tensor columns = x.with_shape({300'000, 10});
  for (double v : numbers(mean(columns, {0}))) EXPECT_NEAR(v, 0.1f, 2e-5 * 0.1);
}

TEST(Reduce, SameBitsEachTime) {
  const Tensor x = wave({30000, 10});
  const Tensor first = sum(x, {0}), all_of_it = sum(x);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(numbers(sum(x, {0})), numbers(first));
    EXPECT_EQ(numbers(sum(x)), numbers(all_of_it));
  }
}

TEST(Reduce, ElementTypes) {
  const Tensor ints = Tensor::from<std::int32_t>({4}, {2'000'000'000, -3, 5, -2'000'000'000});
  EXPECT_EQ(sum(ints).dtype(), DType::i32);
  EXPECT_EQ(sum(ints).item<int>(), 2);
  EXPECT_EQ(mean(ints).dtype(), DType::f32);
  EXPECT_EQ(mean(ints).item<float>(), 0.5f);
  EXPECT_EQ(max(ints).item<int>(), 2'000'000'000);
  const Tensor bytes = Tensor::from<std::uint8_t>({3}, {255, 255, 4});
  EXPECT_EQ(sum(bytes).dtype(), DType::i32);
  EXPECT_EQ(sum(bytes).item<int>(), 514);
  EXPECT_EQ(min(bytes).dtype(), DType::u8);
  EXPECT_EQ(sum(ints > 0).item<int>(), 2);
  Tensor halves = cast(wave({5000}), DType::f16);
  EXPECT_EQ(sum(halves).dtype(), DType::f16);
  expect_near(sum(halves), {reference(halves, {}, false)[0]}, 1e-3);
}

TEST(Reduce, NothingToReduce) {
  const Tensor none(DType::f32, {0, 3});
  expect_near(sum(none, {0}), {0, 0, 0}, 0);
  expect_near(prod(none, {0}), {1, 1, 1}, 0);
  EXPECT_TRUE(std::isnan(mean(none).item<float>()));
  EXPECT_EQ(sum(none, {1}).shape(), (Shape{0}));
  EXPECT_EQ(error_of([&] { max(none, {0}); }), "[max] expected at least one element to choose from; received f32[0,3]");
  EXPECT_EQ(error_of([&] { sum(none, {2}); }), "[sum] expected an axis in [-2, 2); received axis 2");
}

TEST(Reduce, NotANumberIsNotHidden) {
  Tensor x = wave({4, 1000});
  x.mutable_data<float>()[1234] = std::numeric_limits<float>::quiet_NaN();
  for (const Tensor& y : {max(x, {1}), min(x, {1}), sum(x, {1})}) {
    EXPECT_FALSE(std::isnan(y.at<float>(0)));
    EXPECT_TRUE(std::isnan(y.at<float>(1)));
  }
  EXPECT_TRUE(std::isnan(max(x, {0}).at<float>(234)));
}

TEST(Reduce, LogSumExp) {
  const float inf = std::numeric_limits<float>::infinity();
  expect_near(logsumexp(floats({2, 2}, {1000, 1000, -1000, -1000}), {1}), {1000.6931472, -999.3068528});
  expect_near(logsumexp(floats({3, 2}, {-inf, -inf, inf, 0, 0, -inf}), {-1}), {-inf, inf, 0});
  EXPECT_EQ(logsumexp(floats({2, 2}, {1, 2, 3, 4}), {0}, {.keepdims = true}).shape(), (Shape{1, 2}));
}

TEST(Reduce, Gradients) {
  const Tensor x = doubles({2, 3, 2}, {0.5, -1.5, 2.5, 0.7, 1.1, 3.3, -0.2, 0.9, 1.4, -2.2, 0.3, 1.9});
  for (const Axes& axes : {Axes{}, Axes{0}, Axes{1}, Axes{-1}, Axes{0, 2}, Axes{1, 2}})
    for (const bool keepdims : {false, true}) {
      const ReduceOptions o{.keepdims = keepdims};
      check_gradient([&](const Values& v) { return sum(v[0], axes, o); }, {x});
      check_gradient([&](const Values& v) { return mean(v[0], axes, o); }, {x});
      check_gradient([&](const Values& v) { return max(v[0], axes, o); }, {x});
      check_gradient([&](const Values& v) { return min(v[0], axes, o); }, {x});
      check_gradient([&](const Values& v) { return prod(v[0], axes, o); }, {x});
      check_gradient([&](const Values& v) { return logsumexp(v[0], axes, o); }, {x});
      check_gradient([&](const Values& v) { return variance(v[0], axes, o); }, {x});
    }
}

TEST(Reduce, GradientsAtTiesAndZeros) {
  const auto g = [](auto f, const Tensor& x) { return gradients_of(f, {x}, floats({}, {1}))[0]; };
  expect_near(g([](const Values& v) { return max(v[0]); }, floats({3}, {2, 1, 2})), {0.5, 0, 0.5}, 0);
  const auto product = [](const Values& v) { return prod(v[0]); };
  expect_near(g(product, floats({3}, {2, 0, 5})), {0, 10, 0}, 0);
  expect_near(g(product, floats({3}, {0, 0, 5})), {0, 0, 0}, 0);
  const Value x = constant(floats({2}, {1, 2}));
  const Value slope = gradients(prod(x), {x})[0];
  EXPECT_EQ(error_of([&] { gradients(sum(slope), {x}); }), "[prod] has a gradient, but not a second one");
}

TEST(Reduce, SumToShape) {
  const Value x = constant(floats({2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  expect_near(evaluate(sum_to_shape(x, {3})), {22, 26, 30}, 0);
  expect_near(evaluate(sum_to_shape(x, {2, 1})), {30, 48}, 0);
  expect_near(evaluate(sum_to_shape(x, {})), {78}, 0);
  EXPECT_TRUE(same(sum_to_shape(x, {2, 2, 3}), x));
  EXPECT_NE(error_of([&] { sum_to_shape(x, {2}); }), "");
}

}  // namespace
}  // namespace strata
