#include "core/ops/arg_reduce.h"

#include <limits>

#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

const float nan = std::numeric_limits<float>::quiet_NaN();

TEST(ArgReduce, ByHand) {
  const Tensor x = floats({2, 3}, {1, 5, 5, 7, -2, 0});
  EXPECT_EQ(argmax(x).dtype(), DType::i64);
  expect_near(argmax(x), {1, 0}, 0);
  expect_near(argmin(x), {0, 1}, 0);
  expect_near(argmax(x, 0), {1, 0, 0}, 0);
  EXPECT_EQ(argmax(x, 0, {.keepdims = true}).shape(), (Shape{1, 3}));
  expect_near(argmax(floats({4}, {1, nan, 9, nan})), {1}, 0);
  expect_near(argmin(floats({4}, {1, nan, -9, nan})), {1}, 0);
  expect_near(argmax(Tensor::from<std::uint8_t>({3}, {3, 200, 9})), {1}, 0);
  EXPECT_EQ(error_of([] { argmax(Tensor(DType::f32, {2, 0})); }),
            "[argmax] expected an axis of at least one element; received f32[2,0]");
}

TEST(ArgReduce, MiddleAxis) {
  Tensor x(DType::f32, {4, 5, 600});
  for (std::int64_t i = 0; i < x.size(); ++i)
    x.mutable_data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i * 7919 % 1009);
  const Tensor y = argmax(x, 1);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t from = i / 600 * 3000 + i % 600;
    for (std::int64_t k = 0; k < 5; ++k)
      ASSERT_GE(x.at<float>(from + y.at<std::int64_t>(i) * 600), x.at<float>(from + k * 600));
  }
}

TEST(ArgReduce, TopK) {
  const Tensor x = floats({2, 4}, {3, 1, 3, 2, 0, nan, 8, 9});
  const Tensors y = top_k(x, 3);
  expect_near(y[0], {3, 3, 2, nan, 9, 8}, 0);
  expect_near(y[1], {0, 2, 3, 1, 3, 2}, 0);
  EXPECT_EQ(error_of([&] { top_k(x, 5); }),
            "[top_k] expected at least 5 elements in the last axis (and k >= 0); received f32[2,4]");
}

TEST(ArgReduce, TopKGradients) {
  const Tensor x = doubles({2, 4}, {3, 1, 3.5, 2, 0, 7, 8, 9}), g = doubles({2, 2}, {0.3, 1.1, -0.4, 2.0});
  const Tensor indices = Tensor::from<std::int64_t>({2, 2}, {2, 0, 3, 1});
  check_gradient([](const Values& v) { return top_k(v[0], 2)[0]; }, {x});
  check_gradient([&](const Values& v) { return apply(TopKGradient{4}, v[0], constant(indices)); }, {g});
  check_gradient([&](const Values& v) { return apply(TopKSelect{}, v[0], constant(indices)); }, {x});
}

TEST(ArgReduce, InTopK) {
  const Tensor p = floats({5, 3}, {0.1f, 0.9f, 0.8f, 0.5f, 0.5f, 0.5f, 0.1f, 0.2f, 0.3f, 0.1f, nan, 0.3f, 1, 2, 3});
  expect_near(in_top_k(Tensor::from<std::int32_t>({5}, {2, 0, 0, 2, 3}), p, 1), {0, 1, 0, 0, 0}, 0);
  expect_near(in_top_k(Tensor::from<std::int64_t>({5}, {2, 0, 0, 2, -1}), p, 2), {1, 1, 0, 0, 0}, 0);
}

}  // namespace
}  // namespace strata
