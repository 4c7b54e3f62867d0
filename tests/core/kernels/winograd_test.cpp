#include "core/kernels/winograd.h"

#include <gtest/gtest.h>

#include "core/base/sanitizers.h"
#include "core/kernels/reference_conv.h"
#include "tests/core/kernels/kernel_testing.h"

namespace strata::kernels {
namespace {

using testing::random_floats;
using testing::relative_error;
using testing::Scratch;
using testing::widened;

constexpr double kTolerance = 5e-6;
// A sanitizer's checks part products from their sums in some loops and not in others, so that these round once more.
constexpr double kDifferenceOfParts = STRATA_ADDRESS_SANITIZER ? 1e-6 : 0;

Conv2DGeometry geometry(Index batch, Index height, Index width, Index in, Index out, Index pad_top, Index pad_left,
                        Index pad_bottom, Index pad_right) {
  Conv2DGeometry g;
  g.batch = batch;
  g.in_height = height;
  g.in_width = width;
  g.in_channels = in;
  g.out_height = height + pad_top + pad_bottom - 2;
  g.out_width = width + pad_left + pad_right - 2;
  g.out_channels = out;
  g.kernel_height = g.kernel_width = 3;
  g.pad_top = pad_top;
  g.pad_left = pad_left;
  return g;
}

std::vector<Conv2DGeometry> geometries() {
  return {geometry(1, 3, 3, 1, 1, 0, 0, 0, 0),     geometry(1, 6, 6, 16, 16, 0, 0, 0, 0),
          geometry(2, 26, 26, 32, 64, 0, 0, 0, 0), geometry(3, 7, 9, 5, 33, 1, 1, 1, 1),
          geometry(1, 13, 5, 35, 7, 1, 0, 0, 1),   geometry(2, 8, 15, 20, 48, 2, 2, 2, 2),
          geometry(1, 9, 10, 330, 17, 1, 1, 1, 1), geometry(1, 1, 1, 3, 4, 1, 1, 1, 1),
          geometry(1, 8, 8, 160, 150, 1, 1, 1, 1)};
}

std::size_t in_size(const Conv2DGeometry& g) {
  return static_cast<std::size_t>(g.batch * g.in_image());
}
std::size_t out_size(const Conv2DGeometry& g) {
  return static_cast<std::size_t>(g.batch * g.out_image());
}

// Runs the transform and the product in `parts` shares.
std::vector<float> run(const Conv2DGeometry& g, WinogradKernel kind, const std::vector<float>& x,
                       const std::vector<float>& w, const float* bias, bool relu, Index parts) {
  Scratch kernel(winograd_kernel_bytes(g));
  for (Index part = 0; part < parts; ++part) {
    winograd_transform_kernel(g, kind, w.data(), kernel.floats(), part, parts);
  }
  std::vector<float> y(out_size(g), NAN);
  const Index units = winograd_units(g);
  for (Index part = 0; part < parts; ++part) {
    Scratch scratch(winograd_forward_scratch_bytes(g));
    winograd_forward(g, units * part / parts, units * (part + 1) / parts, x.data(),
                     kernel.floats(), bias, relu, y.data(), scratch.data());
    EXPECT_TRUE(scratch.intact());
  }
  EXPECT_TRUE(kernel.intact());
  return y;
}

class Winograd : public ::testing::TestWithParam<Conv2DGeometry> {};

TEST_P(Winograd, ForwardAgreesWithTheDefinition) {
  const Conv2DGeometry& g = GetParam();
  ASSERT_TRUE(winograd_applies(g));
  const auto x = random_floats(in_size(g), 1);
  const auto w = random_floats(static_cast<std::size_t>(g.kernel_size()), 2);
  const auto bias = random_floats(static_cast<std::size_t>(g.out_channels), 3);
  std::vector<double> expected(out_size(g));
  reference_conv_forward(g, 0, g.batch, widened(x).data(), widened(w).data(),
                           widened(bias).data(), expected.data());
  const auto y = run(g, WinogradKernel::forward, x, w, bias.data(), false, 1);
  EXPECT_LT(relative_error(y, expected), kTolerance);
  EXPECT_LE(relative_error(run(g, WinogradKernel::forward, x, w, bias.data(), false, 3), widened(y)), kDifferenceOfParts);
  std::vector<float> rectified = y;
  for (float& v : rectified) v = std::max(v, 0.0f);
  EXPECT_EQ(run(g, WinogradKernel::forward, x, w, bias.data(), true, 1), rectified);
}

TEST_P(Winograd, DataGradientAgreesWithTheDefinition) {
  const Conv2DGeometry& g = GetParam();
  const auto dy = random_floats(out_size(g), 4);
  const auto w = random_floats(static_cast<std::size_t>(g.kernel_size()), 5);
  std::vector<double> expected(in_size(g));
  reference_conv_data_gradient(g, 0, g.batch, widened(dy).data(), widened(w).data(),
                                 expected.data());
  const Conv2DGeometry d = winograd_data_gradient_geometry(g);
  const auto dx = run(d, WinogradKernel::data_gradient, dy, w, nullptr, false, 1);
  EXPECT_LT(relative_error(dx, expected), kTolerance);
}

TEST_P(Winograd, WeightGradientAgreesWithTheDefinition) {
  const Conv2DGeometry& g = GetParam();
  const auto x = random_floats(in_size(g), 6);
  const auto dy = random_floats(out_size(g), 7);
  std::vector<double> expected(static_cast<std::size_t>(g.kernel_size()), 0.0);
  reference_conv_weight_gradient(g, 0, g.batch, widened(x).data(), widened(dy).data(),
                                   expected.data());
  const Index units = winograd_units(g);
  for (const Index parts : {1, 3}) {
    const std::size_t floats = winograd_partial_bytes(g) / sizeof(float);
    Scratch partials(winograd_partial_bytes(g) * static_cast<std::size_t>(parts));
    for (Index part = parts - 1; part >= 0; --part) {
      Scratch scratch(winograd_weight_gradient_scratch_bytes(g));
      winograd_weight_gradient(g, units * part / parts, units * (part + 1) / parts, x.data(),
                               dy.data(), partials.floats() + static_cast<std::size_t>(part) * floats,
                               scratch.data());
      EXPECT_TRUE(scratch.intact());
    }
    EXPECT_TRUE(partials.intact());
    std::vector<float> dw(expected.size(), NAN);
    const Index middle = g.in_channels / 2;
    winograd_weight_gradient_finish(g, partials.floats(), static_cast<Index>(floats), parts, 0,
                                    middle, dw.data());
    winograd_weight_gradient_finish(g, partials.floats(), static_cast<Index>(floats), parts, middle,
                                    g.in_channels, dw.data());
    EXPECT_LT(relative_error(dw, expected), kTolerance) << parts << " parts";
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Winograd, ::testing::ValuesIn(geometries()),
                         [](const auto& shape) { return "shape" + std::to_string(shape.index); });

TEST(WinogradApplies, OnlyToPlain3x3) {
  const Conv2DGeometry plain = geometry(1, 8, 8, 4, 4, 1, 1, 1, 1);
  EXPECT_TRUE(winograd_applies(plain));
  Conv2DGeometry strided = plain, dilated = plain, grouped = plain, wide = plain;
  strided.stride_width = 2;
  dilated.dilation_height = 2;
  grouped.groups = 2;
  wide.kernel_width = 5;
  for (const auto& g : {strided, dilated, grouped, wide}) EXPECT_FALSE(winograd_applies(g));
}

}  // namespace
}  // namespace strata::kernels
