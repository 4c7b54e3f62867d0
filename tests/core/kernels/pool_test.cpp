#include "core/kernels/pool.h"

#include <gtest/gtest.h>

#include "core/kernels/reference_conv.h"
#include "tests/core/kernels/kernel_testing.h"

namespace strata::kernels {
namespace {

using testing::random_floats;
using testing::relative_error;
using testing::widened;

Pool2DGeometry geometry(Index batch, Index height, Index width, Index channels, Index window,
                        Index stride, Index pad_before, Index pad_after) {
  Pool2DGeometry g;
  g.batch = batch;
  g.in_height = height;
  g.in_width = width;
  g.channels = channels;
  g.window_height = g.window_width = window;
  g.stride_height = g.stride_width = stride;
  g.pad_top = g.pad_left = pad_before;
  g.out_height = (height + pad_before + pad_after - window) / stride + 1;
  g.out_width = (width + pad_before + pad_after - window) / stride + 1;
  return g;
}

class Pool : public ::testing::TestWithParam<Pool2DGeometry> {
 protected:
  const Pool2DGeometry g = GetParam();
  const std::size_t in_size = static_cast<std::size_t>(g.batch * g.in_image());
  const std::size_t out_size = static_cast<std::size_t>(g.batch * g.out_image());
  // Few different values, so that windows have several maxima.
  std::vector<float> tied_values() const {
    std::vector<float> x = random_floats(in_size, 1);
    for (float& v : x) v = std::round(v * 2.0f);
    return x;
  }
  const std::vector<float> dy = random_floats(out_size, 2);
};

TEST_P(Pool, MaximumAgreesWithTheDefinition) {
  for (const auto& x : {random_floats(in_size, 3), tied_values()}) {
    std::vector<double> expected(out_size), expected_dx(in_size);
    reference_max_pool_forward(g, 0, g.batch, widened(x).data(), expected.data());
    reference_max_pool_backward(g, 0, g.batch, widened(x).data(), widened(dy).data(),
                                expected_dx.data());
    std::vector<float> y(out_size, NAN), dx(in_size, NAN);
    for (Index n = 0; n < g.batch; ++n) {
      max_pool_forward(g, n, n + 1, x.data(), y.data());
      max_pool_backward(g, n, n + 1, x.data(), y.data(), dy.data(), dx.data());
    }
    EXPECT_EQ(relative_error(y, expected), 0.0);
    EXPECT_LT(relative_error(dx, expected_dx), 1e-6);
  }
}

TEST_P(Pool, AverageAgreesWithTheDefinition) {
  const auto x = random_floats(in_size, 3);
  std::vector<double> expected(out_size), expected_dx(in_size);
  reference_average_pool_forward(g, 0, g.batch, widened(x).data(), expected.data());
  reference_average_pool_backward(g, 0, g.batch, widened(dy).data(), expected_dx.data());
  std::vector<float> y(out_size, NAN), dx(in_size, NAN);
  for (Index n = 0; n < g.batch; ++n) {
    average_pool_forward(g, n, n + 1, x.data(), y.data());
    average_pool_backward(g, n, n + 1, dy.data(), dx.data());
  }
  EXPECT_LT(relative_error(y, expected), 1e-6);
  EXPECT_LT(relative_error(dx, expected_dx), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(
    Geometries, Pool,
    ::testing::Values(geometry(2, 24, 24, 64, 2, 2, 0, 0), geometry(3, 7, 9, 5, 2, 2, 0, 0),
                      geometry(1, 7, 9, 37, 3, 2, 0, 1), geometry(2, 6, 5, 16, 3, 1, 1, 1),
                      geometry(1, 11, 10, 3, 2, 3, 0, 0), geometry(1, 4, 6, 1, 4, 4, 1, 2),
                      geometry(1, 1, 1, 20, 1, 1, 0, 0)));

TEST(MaxPool, NanIsKeptAndReceivesTheGradient) {
  const Pool2DGeometry g = geometry(1, 2, 2, 1, 2, 2, 0, 0);
  const float x[] = {5.0f, NAN, 7.0f, NAN}, dy[] = {3.0f};
  float y[1], dx[4];
  max_pool_forward(g, 0, 1, x, y);
  max_pool_backward(g, 0, 1, x, y, dy, dx);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(std::vector<float>(dx, dx + 4), (std::vector<float>{0.0f, 3.0f, 0.0f, 0.0f}));
}

TEST(MaxPool, NegativeInfinityIsAnOrdinaryValue) {
  const Pool2DGeometry g = geometry(1, 2, 1, 1, 1, 1, 0, 0);
  const float x[] = {-INFINITY, 1.0f}, dy[] = {2.0f, INFINITY};
  float y[2], dx[2];
  max_pool_forward(g, 0, 1, x, y);
  max_pool_backward(g, 0, 1, x, y, dy, dx);
  EXPECT_EQ(std::vector<float>(y, y + 2), std::vector<float>(x, x + 2));
  EXPECT_EQ(std::vector<float>(dx, dx + 2), std::vector<float>(dy, dy + 2));
}

}  // namespace
}  // namespace strata::kernels
