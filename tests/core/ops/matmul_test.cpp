// What the harness does not say about matrix products: large ones, cuts among threads, epilogues, messages.

#include "core/ops/matmul.h"

#include <limits>

#include "core/base/config.h"
#include "core/ops/ops.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace strata::testing;

Tensor noise(const Shape& shape, std::uint32_t state) {
  Tensor t(DType::f32, shape);
  for (float& v : t.mutable_data<float>()) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return t;
}

struct Sizes {
  std::int64_t m, k, n;
};
/// Tall, wide, deep, thin, and sizes that no tile divides.
const std::vector<Sizes>& sizes() {
  static const std::vector<Sizes> list{{257, 129, 65}, {65, 129, 257}, {33, 2001, 35}, {1000, 9, 32}, {1, 700, 900}, {900, 700, 1}, {128, 300, 128}};
  return list;
}

TEST(MatMul, LargeOnesAgreeWithFloat64) {
  const int before = config::num_threads();
  for (const int threads : {1, 3}) {
    config::set_num_threads(threads);
    for (const Sizes& z : sizes())
      for (const bool ta : {false, true})
        for (const bool tb : {false, true}) {
          const Tensor a = noise(ta ? Shape{z.k, z.m} : Shape{z.m, z.k}, 1), b = noise(tb ? Shape{z.n, z.k} : Shape{z.k, z.n}, 2);
          const Tensor bias = noise({z.n}, 3);
          const Tensor wide = matmul(cast(a, DType::f64), cast(b, DType::f64), {ta, tb}), wide_bias = cast(bias, DType::f64);
          const double bound = 1e-6 * std::sqrt(static_cast<double>(z.k)) * 4;
          const auto error = [&](const Tensor& got, const Tensor& expected) {
            return max(abs(cast(got, DType::f64) - expected)).item<double>();
          };
          EXPECT_LT(error(matmul(a, b, {ta, tb}), wide), bound);
          EXPECT_LT(error(apply(MatMul{ta, tb, {true, false}}, a, b, bias), wide + wide_bias), bound);
          EXPECT_LT(error(apply(MatMul{ta, tb, {false, true}}, a, b), maximum(wide, 0.0)), bound);
          EXPECT_LT(error(apply(MatMul{ta, tb, {true, true}}, a, b, bias), maximum(wide + wide_bias, 0.0)), bound);
        }
  }
  config::set_num_threads(before);
}

TEST(MatMul, ReluKeepsNaNAndInfinity) {
  for (const Sizes& z : sizes()) {
    Tensor a = noise({z.m, z.k}, 1);
    a.mutable_data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
    const Tensor y = apply(MatMul{false, false, {true, true}}, a, noise({z.k, z.n}, 2), noise({z.n}, 3));
    for (std::int64_t i = 0; i < z.n; ++i) ASSERT_TRUE(std::isnan(y.at<float>(i))) << z.m << " " << z.k << " " << z.n;
    for (std::int64_t i = z.n; i < z.m * z.n; ++i) ASSERT_GE(y.at<float>(i), 0.0f);
  }
}

TEST(MatMul, EpiloguesJoinOnce) {
  const MatMul plain{};
  const auto biased = plain.with_epilogue({true, false});
  ASSERT_TRUE(biased);
  const auto both = biased->with_epilogue({false, true});
  ASSERT_TRUE(both);
  EXPECT_EQ(*both->as<MatMul>(), (MatMul{false, false, {true, true}}));
  EXPECT_FALSE(biased->with_epilogue({true, false}));
  EXPECT_FALSE(both->with_epilogue({true, false}));
}

TEST(MatMul, GradientsAreProductsOfTheOperandsThemselves) {
  const Value a = placeholder({5, 3, 4}), b = placeholder({4, 2}), g = placeholder({5, 3, 2});
  for (const Value& d : gradients({matmul(a, b)}, {g}, {a, b}))
    for (const NodePtr& node : topological_order({d})) EXPECT_NE(node->op().name(), "transpose");
}

TEST(MatMul, MessagesNameTheShapes) {
  EXPECT_EQ(error_of([] { matmul(noise({2, 3}, 1), noise({2, 3}, 1)); }),
            "[matmul] expected inner sizes that agree; received [2,3] and [2,3]");
  EXPECT_EQ(error_of([] { matmul(noise({2, 3}, 1), noise({2, 3}, 1), {true, true}); }),
            "[matmul] expected inner sizes that agree; received [2,3] transposed and [2,3] transposed");
  EXPECT_THROW(matmul(noise({3}, 1), noise({3, 2}, 1)), Error);
  EXPECT_THROW(matmul(noise({2, 4, 3}, 1), noise({3, 3, 2}, 1)), Error);
}

}  // namespace
}  // namespace strata
