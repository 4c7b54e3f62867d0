// Ops that move elements: reshape, transpose, concatenate, split, slice, pad.

#include <gtest/gtest.h>

#include <numeric>

#include "core/graph/gradients.h"
#include "core/ops/concatenate.h"
#include "core/ops/reshape.h"
#include "core/ops/slice.h"
#include "core/ops/transpose.h"

namespace strata {
namespace {

Tensor iota(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor::from(shape, values);
}

template <class T = float>
std::vector<T> values(const Tensor& t) {
  const auto data = t.data<T>();
  return {data.begin(), data.end()};
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Reshape, SharesMemoryAndFillsInTheOpenSize) {
  const Tensor x = iota({2, 3, 4});
  const Tensor y = reshape(x, {4, -1});
  EXPECT_EQ(y.shape(), (Shape{4, 6}));
  EXPECT_EQ(y.raw(), x.raw());
  EXPECT_EQ(expand_dims(x, -1).shape(), (Shape{2, 3, 4, 1}));
  EXPECT_EQ(expand_dims(x, 1).shape(), (Shape{2, 1, 3, 4}));
  EXPECT_EQ(squeeze(reshape(x, {1, 24, 1}), {-1}).shape(), (Shape{1, 24}));
  EXPECT_EQ(squeeze(reshape(x, {1, 24, 1})).shape(), (Shape{24}));
  EXPECT_EQ(flatten(x).shape(), (Shape{2, 12}));
  EXPECT_EQ(message_of([&] { reshape(x, {5, -1}); }),
            "[reshape] The total size of the tensor must be unchanged. Received: input_shape=(2, 3, 4), "
            "target_shape=(5, None)");
}

TEST(Transpose, MovesAxes) {
  EXPECT_EQ(values(transpose(iota({2, 3}))), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  const Tensor x = iota({2, 3, 4});
  const Tensor y = transpose(x, {2, 0, 1});
  ASSERT_EQ(y.shape(), (Shape{4, 2, 3}));
  for (std::int64_t i = 0; i < 2; ++i)
    for (std::int64_t j = 0; j < 3; ++j)
      for (std::int64_t k = 0; k < 4; ++k) EXPECT_EQ(y.at<float>((k * 2 + i) * 3 + j), x.at<float>((i * 3 + j) * 4 + k));
  EXPECT_THROW(transpose(x, {0, 0, 1}), Error);
  EXPECT_THROW(transpose(x, {0, 1}), Error);
}

TEST(Transpose, EveryElementSizeAndLargeMatrices) {
  for (const DType d : {DType::u8, DType::f16, DType::f32, DType::f64}) {
    const std::int64_t rows = 131, columns = 517;
    Tensor x(d, {3, rows, columns});
    const std::size_t size = size_of(d);
    for (std::size_t i = 0; i < x.bytes(); ++i) x.mutable_raw()[i] = static_cast<std::byte>(i * 31 + i / 251);
    const Tensor y = transpose(x, {0, 2, 1});
    for (std::int64_t b = 0; b < 3; ++b)
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j) {
          const auto from = static_cast<std::size_t>((b * rows + i) * columns + j);
          const auto to = static_cast<std::size_t>((b * columns + j) * rows + i);
          ASSERT_EQ(std::memcmp(x.raw() + from * size, y.raw() + to * size, size), 0) << i << " " << j;
        }
  }
}

TEST(Concatenate, JoinsAlongAnAxis) {
  const Tensor a = iota({2, 2}), b = iota({2, 1});
  EXPECT_EQ(values(concatenate({a, b}, -1)), (std::vector<float>{0, 1, 0, 2, 3, 1}));
  EXPECT_EQ(values(concatenate({a, iota({1, 2})}, 0)), (std::vector<float>{0, 1, 2, 3, 0, 1}));
  EXPECT_EQ(values(stack({a, a}, 1)), (std::vector<float>{0, 1, 0, 1, 2, 3, 2, 3}));
  EXPECT_EQ(stack({a, a, a}, -1).shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(message_of([&] { concatenate({a, iota({3, 2})}, 1); }),
            "[concatenate] expected inputs of one type except for the size of axis 1; received f32[2,2] and f32[3,2]");
}

TEST(Split, CutsInPieces) {
  const Tensors pieces = split(iota({2, 5}), {2, 3}, 1);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(values(pieces[0]), (std::vector<float>{0, 1, 5, 6}));
  EXPECT_EQ(values(pieces[1]), (std::vector<float>{2, 3, 4, 7, 8, 9}));
  EXPECT_EQ(values(split(iota({4, 1}), 2, 0)[1]), (std::vector<float>{2, 3}));
  EXPECT_THROW(split(iota({2, 5}), {2, 2}, 1), Error);
  EXPECT_THROW(split(iota({2, 5}), 2, 1), Error);
}

TEST(Slice, FollowsNumPy) {
  const Tensor x = iota({4, 5});
  EXPECT_EQ(values(slice(x, {1, 2}, {3, 4})), (std::vector<float>{7, 8, 12, 13}));
  EXPECT_EQ(values(slice(x, {-1}, {slice_end})), (std::vector<float>{15, 16, 17, 18, 19}));
  EXPECT_EQ(values(slice(x, {0, 1}, {slice_end, -1}, {2, 2})), (std::vector<float>{1, 3, 11, 13}));
  EXPECT_EQ(slice(x, {3}, {1}).shape(), (Shape{0, 5}));
  EXPECT_THROW(slice(x, {0}, {1}, {0}), Error);
}

TEST(Pad, SurroundsWithAValue) {
  const Tensor x = iota({2, 2});
  EXPECT_EQ(values(pad(x, {1, 0}, {0, 1}, 9)), (std::vector<float>{9, 9, 9, 0, 1, 9, 2, 3, 9}));
  EXPECT_EQ(values(apply(Pad{{0, 0}, {0, 0}, {0, 1}, 0}, x)), (std::vector<float>{0, 0, 1, 2, 0, 3}));
  EXPECT_THROW(pad(x, {-1, 0}, {0, 0}), Error);
}

/// The gradient of sum(f(x) * weights), by running the gradient's ops on tensors: op by op, as all of them move elements.
TEST(ShapeOps, GradientsMoveBack) {
  const Value x = placeholder({4, 5}), g = placeholder({2, 2});
  const Value back = gradients({slice(x, {0, 1}, {slice_end, -1}, {2, 2})}, {g}, {x})[0];
  const Pad* op = back.node()->op().as<Pad>();
  ASSERT_NE(op, nullptr);
  EXPECT_EQ(back.shape(), x.shape());
  const Tensor filled = apply(*op, Tensor::from<float>({2, 2}, {1.0f, 2.0f, 3.0f, 4.0f}));
  EXPECT_EQ(values(filled), (std::vector<float>{0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace strata
