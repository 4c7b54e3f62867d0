#include "core/ops/softmax.h"

#include <limits>

#include "core/ops/binary.h"
#include "core/ops/fill.h"
#include "core/ops/reduce.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

TEST(Softmax, ByHand) {
  const Tensor x = floats({2, 3}, {0, std::log(2.0f), std::log(5.0f), 1000, 1000, -1000});
  expect_near(softmax(x), {0.125, 0.25, 0.625, 0.5, 0.5, 0});
  expect_near(log_softmax(x), {-2.0794415, -1.3862944, -0.4700036, -0.6931472, -0.6931472, -2000.6931472});
  expect_near(softmax(floats({2, 2}, {0, 1, std::log(3.0f), 1}), 0), {0.25, 0.5, 0.75, 0.5});
  expect_near(softmax(cast(x, DType::bf16)), {0.125, 0.25, 0.625, 0.5, 0.5, 0}, 1e-2);
}

TEST(Softmax, EveryAxisAgreesWithTheLast) {
  Tensor x(DType::f32, {3, 37, 150});
  for (std::int64_t i = 0; i < x.size(); ++i)
    x.mutable_data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(5 * std::sin(static_cast<double>(i)));
  for (const std::int64_t axis : {0, 1, 2}) {
    const Tensor y = softmax(x, axis), expected = exp(x - logsumexp(x, {axis}, {.keepdims = true}));
    expect_near(y, numbers(expected), 2e-6);
    expect_near(log_softmax(x, axis), numbers(x - logsumexp(x, {axis}, {.keepdims = true})), 2e-6);
  }
}

TEST(Softmax, LongRows) {
  const Tensor x = zeros_like(Tensor(DType::f32, {2, 5000}));
  for (double y : numbers(softmax(x))) EXPECT_NEAR(y, 1.0 / 5000, 1e-10);
}

TEST(Softmax, Gradients) {
  const Tensor x = doubles({2, 3, 2}, {0.5, -1.5, 2.5, 0.7, 1.1, 3.3, -0.2, 0.9, 1.4, -2.2, 0.3, 1.9});
  const Tensor w = doubles({2, 3, 2}, {1, 2, -1, 0.5, 0.3, 2, 1, -2, 0.1, 0.4, 3, -1});
  for (const std::int64_t axis : {0, 1, -1}) {
    check_gradient([&](const Values& v) { return softmax(v[0], axis); }, {x});
    check_gradient([&](const Values& v) { return log_softmax(v[0], axis); }, {x});
    check_gradient([&](const Values& v) { return apply(SoftmaxGradient{axis}, v[0], v[1]); }, {w, x});
  }
}

TEST(Softmax, Errors) {
  EXPECT_EQ(error_of([] { softmax(floats({2}, {1, 2}), 1); }), "[softmax] expected an axis in [-1, 1); received axis 1");
}

}  // namespace
}  // namespace strata
