// The bodies that a GPU runs, here on the host, against the ops: the same numbers.
#include "core/kernels/random_functions.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/ops/random.h"

namespace strata {
namespace {

constexpr std::int64_t counts[] = {1, 2, 3, 4, 7, 1024, 4099};
constexpr std::uint32_t stream = 5;
const Tensor state = random_state(0x123456789abcdefu, 42);

template <class Body>
void run_blocks(const Body& body) {
  for (philox::Index b = 0; b < Body::blocks(body.count); ++b) body(b);
}

template <class T, class Draw, class RandomOp>
void expect_fills(RandomOp op, double shift, double scale, double tolerance) {
  op.stream = stream;
  op.dtype = dtype_of<T>();
  for (const std::int64_t n : counts) {
    op.shape = {n};
    const Tensor expected = apply(op, state);
    Tensor got(op.dtype, {n});
    run_blocks(philox::FillBlocks<T, Draw>{got.mutable_data<T>().data(), static_cast<philox::Index>(n),
                                           state.data<std::int64_t>().data(), stream, shift, scale});
    for (std::int64_t i = 0; i < n; ++i) {
      const double x = got.at<double>(i), y = expected.at<double>(i);
      ASSERT_NEAR(x, y, tolerance * std::max(1.0, std::abs(y))) << op.name << " " << to_string(op.dtype) << " " << i;
    }
  }
}

template <class Draw, class RandomOp>
void expect_fills_of_every_type(const RandomOp& op, double shift, double scale) {
  expect_fills<float, Draw>(op, shift, scale, 2e-6);
  expect_fills<double, Draw>(op, shift, scale, 1e-13);
  expect_fills<Half, Draw>(op, shift, scale, 0x1p-10);
  expect_fills<BFloat16, Draw>(op, shift, scale, 0x1p-7);
}

TEST(RandomFunctions, Fills) {
  expect_fills_of_every_type<philox::DrawUniform>(RandomUniform{{}, -1, 3}, -1, 4);
  expect_fills_of_every_type<philox::DrawNormal>(RandomNormal{{}, 2, 0.5}, 2, 0.5);
  expect_fills_of_every_type<philox::DrawTruncatedNormal>(TruncatedNormal{{}, 2, 0.5}, 2, 0.5);
}

template <class T>
void expect_integers(std::int64_t low, std::int64_t high) {
  for (const std::int64_t n : counts) {
    const Tensor expected = apply(RandomInt{{n}, low, high, stream, dtype_of<T>()}, state);
    std::vector<T> got(static_cast<std::size_t>(n));
    run_blocks(philox::IntegerBlocks<T>{got.data(), static_cast<philox::Index>(n), state.data<std::int64_t>().data(),
                                        stream, low, static_cast<philox::Index>(high - low)});
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], expected.data<T>()[i]) << i;
  }
}

TEST(RandomFunctions, Integers) {
  expect_integers<std::int32_t>(-1000, 1000);
  expect_integers<std::int64_t>(-5'000'000'000, -5'000'000'000 + (std::int64_t{1} << 32));
  expect_integers<std::uint8_t>(0, 256);
}

template <class T>
void expect_dropout(double rate) {
  for (const std::int64_t n : counts) {
    const Tensor x = cast(random::uniform({n}, 1, 2), dtype_of<T>()), expected = dropout(x, state, rate, stream);
    std::vector<T> got(static_cast<std::size_t>(n));
    const philox::Keep keep{static_cast<int>(std::ceil(rate * 16777216.0)), rate < 1 ? 1 / (1 - rate) : 0};
    run_blocks(philox::DropoutBlocks<T>{x.data<T>().data(), got.data(), static_cast<philox::Index>(n),
                                        state.data<std::int64_t>().data(), stream, keep});
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_EQ(static_cast<double>(tiles::load(got[i])), static_cast<double>(tiles::load(expected.data<T>()[i]))) << i;
  }
}

TEST(RandomFunctions, Dropout) {
  for (const double rate : {0.0, 0.3, 0.5, 1.0}) {
    expect_dropout<float>(rate);
    expect_dropout<double>(rate);
    expect_dropout<Half>(rate);
    expect_dropout<BFloat16>(rate);
  }
}

}  // namespace
}  // namespace strata
