// What the harness does not say about convolutions over volumes: sizes that call for other algorithms, threads, second
// gradients, the geometry of the transposed one, messages.

#include "core/ops/conv3d.h"

#include "core/base/config.h"
#include "tests/core/ops/conv_testing.h"

namespace strata {
namespace {
using namespace strata::testing;

struct LargeCase {
  Shape volume, kernel;
  Window3D window;
};
/// Planes for Winograd's algorithm, for few channels, for products of matrices.
const std::vector<LargeCase>& large_cases() {
  static const std::vector<LargeCase> cases{
      {{2, 3, 28, 28, 8}, {3, 3, 3, 8, 16}, {{1, 1, 1}, Padding::same, {1, 1, 1}, 1}},
      {{3, 9, 15, 14, 1}, {3, 5, 5, 1, 16}, {{2, 1, 1}, Padding::same, {1, 1, 1}, 1}},
      {{2, 7, 16, 15, 12}, {2, 3, 3, 12, 20}, {{2, 2, 2}, Padding::valid, {1, 1, 1}, 1}},
      {{2, 6, 12, 13, 8}, {3, 2, 2, 4, 16}, {{1, 1, 1}, Padding::valid, {2, 2, 1}, 2}}};
  return cases;
}

TEST(Conv3D, LargeOnesAgreeWithTheDefinition) {
  for (const LargeCase& c : large_cases()) {
    const auto& [volume, kernel, window] = c;
    const Tensor x = noise(volume, 0.1), w = noise(kernel, 0.7), bias = noise({kernel[4]}, 2.1);
    const Tensor wide_x = cast(x, DType::f64), wide_w = cast(w, DType::f64), wide = conv3d(wide_x, wide_w, window);
    const Tensor g = noise(wide.shape(), 1.3), wide_g = cast(g, DType::f64);
    const auto compare = [&](const Tensor& got, const Tensor& expected, const char* what) {
      ASSERT_EQ(got.shape(), expected.shape());
      EXPECT_LT(largest(cast(got, DType::f64) - expected), 1e-5 * largest(expected))
          << what << ": " << to_string(c.volume);
    };
    compare(conv3d(x, w, window), wide, "forward");
    compare(apply(Conv3DDataGradient{window, volume}, g, w), apply(Conv3DDataGradient{window, volume}, wide_g, wide_w),
            "data gradient");
    compare(apply(Conv3DWeightGradient{window, kernel}, x, g),
            apply(Conv3DWeightGradient{window, kernel}, wide_x, wide_g), "weight gradient");
    compare(apply(Conv3D{window, {true, true}}, x, w, bias), maximum(wide + cast(bias, DType::f64), 0.0),
            "bias and relu");
  }
}

TEST(Conv3D, ForwardAndDataGradientDoNotDependOnTheThreads) {
  const int before = config::num_threads();
  for (const auto& [volume, kernel, window] : large_cases()) {
    const Tensor x = noise(volume, 0.1), w = noise(kernel, 0.7);
    config::set_num_threads(1);
    const Tensor y = conv3d(x, w, window), dx = apply(Conv3DDataGradient{window, volume}, y, w);
    config::set_num_threads(3);
    EXPECT_EQ(numbers(conv3d(x, w, window)), numbers(y)) << to_string(volume);
    EXPECT_EQ(numbers(apply(Conv3DDataGradient{window, volume}, y, w)), numbers(dx)) << to_string(volume);
  }
  config::set_num_threads(before);
}

TEST(Conv3D, SecondGradients) {
  const Window3D window{{2, 1, 1}, Padding::same, {1, 1, 1}, 1};
  check_compiled_gradient(
      [&](const Values& v) {
        const Value y = conv3d(v[0], v[1], window);
        const Values g = gradients(sum(y * y * y), v);
        return sum(g[0] * g[0]) + sum(g[1]);
      },
      {spread({1, 3, 2, 2, 2}, 0.2), spread({2, 2, 1, 2, 2}, 0.9)}, 1e-5);
}

TEST(Conv3DTranspose, SizesAsInKeras) {
  const Tensor x = noise({1, 5, 4, 3, 3}, 0), w = noise({3, 2, 5, 2, 3}, 1);
  const Window3D valid{{2, 3, 1}, Padding::valid, {1, 1, 1}, 1}, same{{2, 3, 1}, Padding::same, {1, 1, 1}, 1};
  EXPECT_EQ(conv3d_transpose(x, w, valid).shape(), (Shape{1, 11, 12, 7, 2}));
  EXPECT_EQ(conv3d_transpose(x, w, same).shape(), (Shape{1, 10, 12, 3, 2}));
  EXPECT_EQ(conv3d_transpose(x, w, valid, {{1, 2, 0}}).shape(), (Shape{1, 12, 13, 7, 2}));
  EXPECT_EQ(conv3d_transpose(x, w, same, {{1, 2, 0}}).shape(), (Shape{1, 10, 11, 3, 2}));
}

TEST(Conv3DTranspose, ByHand) {
  // Every input spreads the kernel over its place; neighbours overlap in the middle.
  const Tensor x = floats({1, 2, 1, 1, 1}, {1, 10}), w = floats({3, 1, 1, 1, 1}, {1, 2, 3});
  expect_near(conv3d_transpose(x, w, {}), {1, 12, 23, 30});
}

TEST(Conv3D, MessagesNameWhatDoesNotFit) {
  const Tensor x = noise({1, 2, 3, 3, 2}, 0);
  EXPECT_NE(error_of([&] {
              conv3d(x, noise({3, 1, 1, 2, 1}, 0));
            })
                .find("[conv3d] Computed output size would be zero or negative. Received `inputs shape=[1,2,3,3,2]`, "
                      "`kernel shape=[3,1,1,2,1]`, `dilation_rate=(1, 1, 1)`"),
            std::string::npos);
  EXPECT_NE(error_of([&] { conv3d(x, noise({1, 1, 1, 1, 3}, 0), {.groups = 2}); }).find("groups 2"), std::string::npos);
  EXPECT_NE(error_of([&] {
              conv3d(noise({1, 3, 3, 2}, 0), noise({1, 1, 2, 1}, 0));
            }).find("two arrays of rank 5 and one floating type"),
            std::string::npos);
  EXPECT_THROW(conv3d(x, noise({1, 1, 1, 3, 1}, 0)), Error);
}

}  // namespace
}  // namespace strata
