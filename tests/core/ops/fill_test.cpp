#include "core/ops/fill.h"

#include "core/ops/binary.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

TEST(Fill, Tensors) {
  const Tensor o = ones({3});
  EXPECT_EQ(o.type(), (Type{DType::f32, {3}}));
  expect_near(o, {1, 1, 1}, 0);
  expect_near(zeros({2, 2}, DType::i32), {0, 0, 0, 0}, 0);
  expect_near(full({2}, 2.5, DType::bf16), {2.5, 2.5}, 0);
  expect_near(full({}, 7), {7}, 0);
  EXPECT_EQ(zeros({0, 4}).size(), 0);
  EXPECT_EQ(error_of([] { zeros({2, -1}); }), "[full] expected concrete sizes of at least 0; received [2,?]");
  Tensor large = ones({100000});
  for (float v : large.data<float>()) ASSERT_EQ(v, 1);
}

TEST(Fill, Ranges) {
  expect_near(arange(4), {0, 1, 2, 3}, 0);
  EXPECT_EQ(arange(4).dtype(), DType::i64);
  expect_near(arange(1, 2, 0.25), {1, 1.25, 1.5, 1.75}, 0);
  expect_near(arange(3, 0, -1, DType::i32), {3, 2, 1}, 0);
  EXPECT_EQ(arange(3, 0).size(), 0);
  EXPECT_NE(error_of([] { arange(0, 1, 0); }), "");
  expect_near(linspace(0, 1, 5), {0, 0.25, 0.5, 0.75, 1}, 0);
  expect_near(linspace(3, 9, 1), {3}, 0);
  expect_near(eye(2, 3), {1, 0, 0, 0, 1, 0}, 0);
  expect_near(eye(2), {1, 0, 0, 1}, 0);
}

TEST(Fill, LikeOnEveryLevel) {
  const Tensor t = Tensor::from<std::int32_t>({2}, {5, 6});
  EXPECT_EQ(ones_like(t).dtype(), DType::i32);
  expect_near(ones_like(t), {1, 1}, 0);
  const Value v = zeros_like(constant(t));
  EXPECT_TRUE(v.node()->inputs().empty());
  expect_near(evaluate(v), {0, 0}, 0);
  const Symbol s = ones_like(input_symbol("x", {open_dim, 3}, DType::f32));
  EXPECT_EQ(s.shape(), (Shape{open_dim, 3}));
  expect_near(apply(FillLike{4}, t), {4, 4}, 0);
}

}  // namespace
}  // namespace strata
