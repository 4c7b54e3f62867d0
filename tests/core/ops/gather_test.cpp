#include "core/ops/gather.h"

#include "tests/core/ops/compiled_gradient.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

const Tensor table = floats({3, 2}, {1, 2, 3, 4, 5, 6});

template <class I>
Tensor indices(const Shape& shape, const std::vector<I>& v) {
  return Tensor::from(shape, v);
}

TEST(Gather, ByHand) {
  const Tensor rows = gather(table, indices<std::int32_t>({2, 2}, {2, 0, 0, 1}));
  EXPECT_EQ(rows.shape(), (Shape{2, 2, 2}));
  expect_near(rows, {5, 6, 1, 2, 1, 2, 3, 4});
  const Tensor columns = gather(table, indices<std::int64_t>({3}, {1, 1, 0}), 1);
  EXPECT_EQ(columns.shape(), (Shape{3, 3}));
  expect_near(columns, {2, 2, 1, 4, 4, 3, 6, 6, 5});
  expect_near(gather(table, indices<std::uint8_t>({1}, {1}), -1), {2, 4, 6});
}

TEST(Gather, OneIndexDropsTheAxis) {
  const Tensor row = gather(table, Tensor::scalar<std::int32_t>(1));
  EXPECT_EQ(row.shape(), Shape{2});
  expect_near(row, {3, 4});
}

TEST(Gather, NoIndices) { EXPECT_EQ(gather(table, indices<std::int32_t>({0}, {})).shape(), (Shape{0, 2})); }

TEST(Gather, KeepsEveryElementType) {
  for (const DType d : {DType::f64, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8}) {
    const Tensor y = gather(cast(table, d), indices<std::int32_t>({2}, {2, 0}));
    EXPECT_EQ(y.dtype(), d);
    expect_near(y, {5, 6, 1, 2});
  }
}

TEST(Gather, ManyRows) {  // enough for several threads
  const std::int64_t size = 1000, width = 33, count = 5000;
  const Tensor params = spread({size, width}, 0);
  std::vector<std::int32_t> at;
  for (std::int64_t i = 0; i < count; ++i) at.push_back(static_cast<std::int32_t>(i * 7919 % size));
  const Tensor y = gather(params, indices<std::int32_t>({count}, at));
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t k = 0; k < width; k += 8)
      ASSERT_EQ(y.at<double>(i * width + k), params.at<double>(at[static_cast<std::size_t>(i)] * width + k));
}

TEST(ScatterAdd, ByHandInEveryType) {
  for (const DType d : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    const Tensor updates = cast(floats({3, 2}, {1, 2, 10, 20, 100, 200}), d);
    const Tensor y = scatter_add(indices<std::int32_t>({3}, {2, 0, 2}), updates, {4, 2});
    EXPECT_EQ(y.dtype(), d);
    expect_near(y, {10, 20, 0, 0, 101, 202, 0, 0}, 1e-2);
    expect_near(scatter_add(indices<std::int64_t>({2}, {1, 1}), updates, {3, 3}, 1), {0, 3, 0, 0, 30, 0, 0, 300, 0},
                1e-2);
  }
}

TEST(ScatterAdd, RepeatsBitForBit) {
  const std::int64_t count = 20000, width = 64;
  std::vector<std::int32_t> at;
  for (std::int64_t i = 0; i < count; ++i) at.push_back(static_cast<std::int32_t>(i * 31 % 7));
  const Tensor updates = cast(spread({count, width}, 1), DType::f32), where = indices<std::int32_t>({count}, at);
  const std::vector<double> first = numbers(scatter_add(where, updates, {7, width}));
  for (int repeat = 0; repeat < 3; ++repeat) EXPECT_EQ(numbers(scatter_add(where, updates, {7, width})), first);
  const SerialScope serial;
  EXPECT_EQ(numbers(scatter_add(where, updates, {7, width})), first);
}

TEST(Gather, GradientsAgainstDifferences) {
  const Tensor at = indices<std::int32_t>({2, 2}, {2, 0, 2, 1});
  for (const std::int64_t axis : {0, 1, -1}) {
    check_compiled_gradient([&](const Values& v) { return gather(v[0], constant(at), axis); }, {spread({3, 4, 5}, 0)});
    check_compiled_gradient([&](const Values& v) { return gather(v[0], v[1], axis); }, {spread({3, 4, 5}, 1), at});
  }
  check_compiled_gradient(
      [&](const Values& v) {
        return scatter_add(constant(at), v[0], {3, 6}, 0);
      },
      {spread({2, 2, 6}, 2)});
  check_compiled_gradient(
      [&](const Values& v) {
        return scatter_add(constant(at), v[0], {2, 3}, 1);
      },
      {spread({2, 2, 2}, 2)});
}

TEST(Gather, GradientOfARepeatedRowIsSummed) {
  const Tensor slope = gradients_of(
      [](const Values& v) {
        return gather(v[0], constant(indices<std::int32_t>({3}, {1, 1, 0})));
      },
      {table}, floats({3, 2}, {1, 2, 3, 4, 5, 6}))[0];
  expect_near(slope, {5, 6, 4, 6, 0, 0});
}

TEST(Gather, Symbols) {
  const Symbol x = input_symbol("x", {open_dim, 8, 6}, DType::f32);
  const Symbol at = input_symbol("at", {3}, DType::i32);
  EXPECT_EQ(gather(x, at, 1).shape(), (Shape{open_dim, open_dim, 6})) << "an input's first axis is its batch";
}

TEST(Gather, Errors) {
  const Tensor outside = indices<std::int32_t>({3}, {0, 3, 1});
  EXPECT_EQ(error_of([&] { gather(table, outside); }), "[gather] expected indices in [0, 3); received 3 at position 1");
  EXPECT_EQ(error_of([&] { gather(table, indices<std::int64_t>({1}, {-1})); }),
            "[gather] expected indices in [0, 3); received -1 at position 0");
  EXPECT_EQ(error_of([&] {
              scatter_add(outside, floats({3, 2}, {1, 2, 3, 4, 5, 6}), {3, 2});
            }),
            "[scatter_add] expected indices in [0, 3); received 3 at position 1");
  EXPECT_EQ(error_of([&] { gather(table, floats({1}, {0})); }),
            "[gather] expected indices of type i32, i64 or u8; received f32[1]");
  EXPECT_NE(error_of([&] { gather(table, indices<std::int32_t>({1}, {0}), 2); }), "");
  EXPECT_NE(error_of([&] { scatter_add(outside, floats({2, 2}, {1, 2, 3, 4}), {4, 2}); }), "");
}

TEST(OneHot, ByHand) {
  const Tensor labels = indices<std::int32_t>({2, 2}, {0, 2, 1, -1});
  const Tensor y = one_hot(labels, 3);
  EXPECT_EQ(y.shape(), (Shape{2, 2, 3}));
  expect_near(y, {1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0});
  for (const DType d : {DType::f64, DType::f16, DType::bf16, DType::i32, DType::u8, DType::boolean}) {
    EXPECT_EQ(one_hot(labels, 3, d).dtype(), d);
    expect_near(one_hot(labels, 3, d), {1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0});
  }
  expect_near(one_hot(indices<std::int64_t>({1}, {5}), 3), {0, 0, 0});
  EXPECT_NE(error_of([&] { one_hot(labels, 0); }), "");
  EXPECT_NE(error_of([] { one_hot(floats({1}, {0}), 3); }), "");
}

}  // namespace
}  // namespace strata
