#include "core/kernels/conv2d.h"

#include <gtest/gtest.h>

#include <ostream>

#include "core/kernels/reference_conv.h"
#include "tests/core/kernels/kernel_testing.h"

namespace strata::kernels {
namespace {

using testing::random_floats;
using testing::relative_error;
using testing::Scratch;
using testing::widened;

using enum Conv2DAlgorithm;

struct Case {
  const char* name;
  Conv2DGeometry g;
  Conv2DAlgorithm forward, data_gradient;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

struct Pair {
  Index height, width;
};

// The output size follows from equal padding on both sides.
Conv2DGeometry geometry(Index batch, Pair in, Index in_channels, Index out_channels, Pair kernel,
                        Pair stride = {1, 1}, Pair dilation = {1, 1}, Pair pad = {0, 0},
                        Index groups = 1) {
  Conv2DGeometry g;
  g.batch = batch;
  g.in_height = in.height;
  g.in_width = in.width;
  g.in_channels = in_channels;
  g.out_channels = out_channels;
  g.kernel_height = kernel.height;
  g.kernel_width = kernel.width;
  g.stride_height = stride.height;
  g.stride_width = stride.width;
  g.dilation_height = dilation.height;
  g.dilation_width = dilation.width;
  g.pad_top = pad.height;
  g.pad_left = pad.width;
  g.groups = groups;
  const auto out = [](Index size, Index k, Index s, Index d, Index p) {
    return (size + 2 * p - (k - 1) * d - 1) / s + 1;
  };
  g.out_height = out(in.height, kernel.height, stride.height, dilation.height, pad.height);
  g.out_width = out(in.width, kernel.width, stride.width, dilation.width, pad.width);
  return g;
}

std::vector<Case> cases() {
  return {
      {"mnist_first", geometry(2, {28, 28}, 1, 32, {3, 3}), direct, gemm},
      {"image_stem", geometry(2, {19, 23}, 3, 24, {7, 7}, {2, 2}, {1, 1}, {3, 3}), direct, gemm},
      {"direct_dilated", geometry(1, {17, 40}, 4, 37, {3, 2}, {1, 2}, {2, 3}, {1, 2}), direct, gemm},
      {"direct_narrow", geometry(3, {5, 3}, 2, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}), direct, gemm},
      {"direct_one_output", geometry(1, {9, 30}, 1, 1, {3, 5}, {2, 1}, {1, 1}, {2, 2}), direct, gemm},
      {"direct_all_padding", geometry(1, {1, 1}, 1, 3, {5, 5}, {1, 1}, {1, 1}, {2, 2}), direct, gemm},
      {"winograd", geometry(2, {26, 26}, 32, 64, {3, 3}), winograd, winograd},
      {"winograd_same", geometry(3, {15, 17}, 9, 20, {3, 3}, {1, 1}, {1, 1}, {1, 1}), winograd,
       winograd},
      {"winograd_dx_only", geometry(2, {22, 18}, 8, 11, {3, 3}, {1, 1}, {1, 1}, {0, 0}), gemm,
       winograd},
      {"few_tiles", geometry(1, {8, 8}, 16, 16, {3, 3}, {1, 1}, {1, 1}, {1, 1}), gemm, gemm},
      {"pointwise", geometry(2, {9, 7}, 35, 50, {1, 1}), gemm, gemm},
      {"pointwise_grouped", geometry(2, {6, 7}, 12, 30, {1, 1}, {1, 1}, {1, 1}, {0, 0}, 3), gemm,
       gemm},
      {"pointwise_strided", geometry(1, {9, 8}, 20, 33, {1, 1}, {2, 2}), gemm, gemm},
      {"strided", geometry(2, {15, 13}, 17, 40, {3, 3}, {2, 2}, {1, 1}, {1, 1}), gemm, gemm},
      {"five_by_three", geometry(1, {14, 30}, 6, 10, {5, 3}, {1, 2}, {1, 1}, {2, 1}), gemm, gemm},
      {"dilated", geometry(1, {16, 16}, 8, 19, {3, 3}, {1, 1}, {2, 3}, {2, 3}), gemm, gemm},
      {"grouped", geometry(2, {10, 11}, 12, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 4), gemm, gemm},
      {"many_pixels", geometry(2, {40, 30}, 5, 7, {2, 2}, {1, 1}, {1, 1}, {1, 0}), gemm, gemm},
      {"skipping", geometry(1, {11, 12}, 5, 6, {2, 2}, {3, 4}), gemm, gemm},
      {"depthwise", geometry(2, {14, 15}, 40, 40, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 40), depthwise,
       depthwise},
      {"depthwise_wide", geometry(1, {9, 20}, 130, 130, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 130),
       depthwise, depthwise},
      {"depthwise_strided", geometry(2, {15, 33}, 19, 19, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 19),
       depthwise, depthwise},
      {"depthwise_dilated", geometry(1, {12, 21}, 16, 16, {5, 3}, {1, 1}, {2, 3}, {4, 3}, 16),
       depthwise, depthwise},
      {"depthwise_multiplier", geometry(2, {9, 20}, 6, 18, {3, 3}, {2, 1}, {1, 1}, {1, 1}, 6),
       depthwise, depthwise},
      {"depthwise_strided_dilated", geometry(1, {13, 30}, 3, 3, {3, 3}, {3, 2}, {2, 1}, {1, 2}, 3),
       depthwise, depthwise},
  };
}

class Conv2D : public ::testing::TestWithParam<Case> {
 protected:
  const Conv2DGeometry g = GetParam().g;
  const std::size_t in_size = static_cast<std::size_t>(g.batch * g.in_image());
  const std::size_t out_size = static_cast<std::size_t>(g.batch * g.out_image());
  const std::size_t kernel_size = static_cast<std::size_t>(g.kernel_size());
  const std::vector<float> x = random_floats(in_size, 1), dy = random_floats(out_size, 2),
                           w = random_floats(kernel_size, 3),
                           bias = random_floats(static_cast<std::size_t>(g.out_channels), 4);
  static constexpr double kTolerance = 5e-6;

  std::vector<float> forward(bool relu, Index parts) const {
    Scratch prepared(conv2d_forward_kernel_bytes(g));
    std::vector<float> y(out_size, NAN);
    const Index units = conv2d_forward_units(g);
    for (Index part = 0; part < parts; ++part) {
      conv2d_forward_prepare(g, w.data(), prepared.floats(), part, parts);
    }
    for (Index part = 0; part < parts; ++part) {
      Scratch scratch(conv2d_forward_scratch_bytes(g));
      conv2d_forward_slice(g, units * part / parts, units * (part + 1) / parts, x.data(),
                           prepared.floats(), bias.data(), relu, y.data(), scratch.data());
      EXPECT_TRUE(scratch.intact());
    }
    EXPECT_TRUE(prepared.intact());
    return y;
  }

  std::vector<float> data_gradient(Index parts) const {
    Scratch prepared(conv2d_data_gradient_kernel_bytes(g));
    std::vector<float> dx(in_size, NAN);
    const Index units = conv2d_data_gradient_units(g);
    for (Index part = 0; part < parts; ++part) {
      conv2d_data_gradient_prepare(g, w.data(), prepared.floats(), part, parts);
    }
    for (Index part = 0; part < parts; ++part) {
      Scratch scratch(conv2d_data_gradient_scratch_bytes(g));
      conv2d_data_gradient_slice(g, units * part / parts, units * (part + 1) / parts, dy.data(),
                                 prepared.floats(), dx.data(), scratch.data());
      EXPECT_TRUE(scratch.intact());
    }
    EXPECT_TRUE(prepared.intact());
    return dx;
  }

  std::vector<float> weight_gradient(Index parts) const {
    const std::size_t bytes = conv2d_weight_gradient_partial_bytes(g);
    const auto stride = static_cast<Index>(bytes / sizeof(float));
    Scratch partials(bytes * static_cast<std::size_t>(parts));
    const Index units = conv2d_weight_gradient_units(g);
    for (Index part = parts - 1; part >= 0; --part) {
      Scratch scratch(conv2d_weight_gradient_scratch_bytes(g));
      conv2d_weight_gradient_slice(g, units * part / parts, units * (part + 1) / parts, x.data(),
                                   dy.data(), partials.floats() + part * stride, scratch.data());
      EXPECT_TRUE(scratch.intact());
    }
    EXPECT_TRUE(partials.intact());
    std::vector<float> dw(kernel_size, NAN);
    for (Index part = 0; part < parts; ++part) {
      conv2d_weight_gradient_finish(g, partials.floats(), stride, parts, dw.data(), part, parts);
    }
    return dw;
  }
};

TEST_P(Conv2D, ChoosesTheDocumentedAlgorithm) {
  EXPECT_EQ(conv2d_forward_algorithm(g), GetParam().forward);
  EXPECT_EQ(conv2d_data_gradient_algorithm(g), GetParam().data_gradient);
  EXPECT_EQ(conv2d_weight_gradient_algorithm(g), GetParam().forward);
}

TEST_P(Conv2D, ForwardAgreesWithTheDefinition) {
  std::vector<double> expected(out_size);
  reference_conv_forward(g, 0, g.batch, widened(x).data(), widened(w).data(),
                           widened(bias).data(), expected.data());
  const auto y = forward(false, 1);
  EXPECT_LT(relative_error(y, expected), kTolerance);
  EXPECT_EQ(forward(false, 3), y);
  EXPECT_EQ(forward(false, 7), y);
  for (double& v : expected) v = std::max(v, 0.0);
  EXPECT_LT(relative_error(forward(true, 2), expected), kTolerance);
}

TEST_P(Conv2D, DataGradientAgreesWithTheDefinition) {
  std::vector<double> expected(in_size);
  reference_conv_data_gradient(g, 0, g.batch, widened(dy).data(), widened(w).data(),
                                 expected.data());
  const auto dx = data_gradient(1);
  EXPECT_LT(relative_error(dx, expected), kTolerance);
  EXPECT_EQ(data_gradient(3), dx);
}

TEST_P(Conv2D, WeightGradientAgreesWithTheDefinition) {
  std::vector<double> expected(kernel_size, 0.0);
  reference_conv_weight_gradient(g, 0, g.batch, widened(x).data(), widened(dy).data(),
                                   expected.data());
  EXPECT_LT(relative_error(weight_gradient(1), expected), kTolerance);
  const auto dw = weight_gradient(3);
  EXPECT_LT(relative_error(dw, expected), kTolerance);
  EXPECT_EQ(weight_gradient(3), dw);
}

INSTANTIATE_TEST_SUITE_P(Geometries, Conv2D, ::testing::ValuesIn(cases()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace strata::kernels
