// What the harness does not say about convolutions: sizes that call for other algorithms, the geometry of the transposed
// one, second gradients, messages.

#include "core/ops/conv2d.h"

#include <limits>
#include <thread>

#include "core/base/config.h"
#include "tests/core/ops/conv_testing.h"

namespace strata {
namespace {
using namespace strata::testing;

/// The three directions in f32 against float64's sums by the definition.
void check_large(const Shape& image, const Shape& kernel, const Window2D& window) {
  const Tensor x = noise(image, 0.1), w = noise(kernel, 0.7);
  const Tensor wide = conv2d(cast(x, DType::f64), cast(w, DType::f64), window);
  const Tensor g = noise(wide.shape(), 1.3), wide_g = cast(g, DType::f64);
  const auto compare = [&](const Tensor& got, const Tensor& expected, const char* what) {
    ASSERT_EQ(got.shape(), expected.shape());
    EXPECT_LT(largest(cast(got, DType::f64) - expected), 1e-5 * largest(expected))
        << what << ": " << to_string(image) << " " << to_string(kernel);
  };
  compare(conv2d(x, w, window), wide, "forward");
  compare(apply(Conv2DDataGradient{window, image}, g, w), apply(Conv2DDataGradient{window, image}, wide_g, cast(w, DType::f64)),
          "data gradient");
  compare(apply(Conv2DWeightGradient{window, kernel}, x, g), apply(Conv2DWeightGradient{window, kernel}, cast(x, DType::f64), wide_g),
          "weight gradient");
  const Tensor bias = noise({kernel[3]}, 2.1);
  compare(apply(Conv2D{window, {true, true}}, x, w, bias), maximum(wide + cast(bias, DType::f64), 0.0), "bias and relu");
}

struct LargeCase {
  Shape image, kernel;
  Window2D window;
};
const std::vector<LargeCase>& large_cases() {
  static const std::vector<LargeCase> cases{
      {{5, 14, 14, 6}, {5, 5, 6, 16}, {}},
      {{5, 14, 15, 13}, {3, 3, 13, 17}, {{1, 1}, Padding::same, {2, 2}, 1}},
      {{4, 16, 15, 16}, {7, 7, 16, 16}, {{1, 1}, Padding::same, {1, 1}, 1}},
      {{3, 28, 28, 32}, {3, 3, 32, 48}, {{2, 2}, Padding::same, {1, 1}, 1}},
      {{5, 15, 14, 32}, {3, 3, 8, 32}, {{1, 1}, Padding::same, {1, 1}, 4}},
      {{3, 28, 27, 32}, {3, 3, 16, 32}, {{2, 2}, Padding::valid, {1, 1}, 2}},
      {{3, 26, 26, 32}, {3, 3, 32, 64}, {}}};
  return cases;
}

TEST(Conv2D, LargeOnesAgreeWithTheDefinition) {
  for (const LargeCase& c : large_cases()) check_large(c.image, c.kernel, c.window);
}

/// bf16 in all three directions against float64's sums over the same numbers: each result is rounded once, so that the
/// error is that of the rounding and, where sums cancel, of single precision. (Where processors multiply bf16
/// themselves, geometries with even channels go there; the others are converted.)
void check_bf16(const Shape& image, const Shape& kernel, const Window2D& window) {
  const auto in_bf16 = [](const Shape& shape, double phase) { return cast(noise(shape, phase), DType::bf16); };
  const auto wide = [](const Tensor& t) { return cast(t, DType::f64); };
  const auto compare = [&](const Tensor& got, const Tensor& expected, const char* what) {
    ASSERT_EQ(got.dtype(), DType::bf16);
    const Tensor allowed = abs(expected) * 0x1.01p-8 + 1e-5 * largest(expected);
    EXPECT_LT(max(abs(wide(got) - expected) - allowed).item<double>(), 0)
        << what << ": " << to_string(image) << " " << to_string(kernel);
  };
  const Tensor x = in_bf16(image, 0.1), w = in_bf16(kernel, 0.7), bias = in_bf16({kernel[3]}, 2.1);
  const Tensor y = conv2d(wide(x), wide(w), window), g = in_bf16(y.shape(), 1.3);
  compare(conv2d(x, w, window), y, "forward");
  compare(apply(Conv2D{window, {true, true}}, x, w, bias), maximum(y + wide(bias), 0.0), "bias and relu");
  const Conv2DDataGradient data{window, image};
  const Conv2DWeightGradient weights{window, kernel};
  compare(apply(data, g, w), apply(data, wide(g), wide(w)), "data gradient");
  compare(apply(weights, x, g), apply(weights, wide(x), wide(g)), "weight gradient");
}

TEST(Conv2D, Bf16) {
  const int before = config::num_threads();
  for (const int threads : {1, 3}) {
    config::set_num_threads(threads);
    check_bf16({2, 19, 19, 72}, {1, 1, 72, 46}, {});
    check_bf16({3, 13, 12, 34}, {1, 1, 34, 130}, {{2, 2}, Padding::same, {1, 1}, 1});
    check_bf16({1, 30, 25, 8}, {1, 1, 8, 2}, {});
    check_bf16({2, 14, 15, 14}, {3, 3, 14, 18}, {{1, 1}, Padding::same, {2, 2}, 1});
    check_bf16({2, 17, 16, 6}, {5, 4, 6, 16}, {{1, 1}, Padding::valid, {1, 1}, 1});
    check_bf16({2, 28, 28, 16}, {3, 3, 16, 24}, {{2, 2}, Padding::same, {1, 1}, 1});
    check_bf16({2, 9, 9, 7}, {1, 1, 7, 10}, {});
    check_bf16({2, 11, 14, 21}, {3, 3, 1, 21}, {{1, 1}, Padding::same, {1, 1}, 21});
    check_bf16({2, 12, 13, 32}, {3, 3, 1, 32}, {{2, 2}, Padding::same, {1, 1}, 32});
    check_bf16({1, 12, 13, 5}, {3, 3, 1, 15}, {{1, 1}, Padding::valid, {1, 1}, 5});
    check_bf16({2, 9, 9, 8}, {1, 1, 4, 10}, {{1, 1}, Padding::same, {1, 1}, 2});
  }
  config::set_num_threads(before);
}

TEST(Conv2D, Bf16RepeatsBitForBit) {
  const int before = config::num_threads();
  const Tensor x = cast(noise({3, 19, 19, 64}, 0.1), DType::bf16), w = cast(noise({1, 1, 64, 96}, 0.7), DType::bf16);
  config::set_num_threads(1);
  const Tensor y = conv2d(x, w, {}), dx = apply(Conv2DDataGradient{{}, x.shape()}, y, w);
  for (const int threads : {2, 3}) {
    config::set_num_threads(threads);
    const Tensor dw = apply(Conv2DWeightGradient{{}, w.shape()}, x, y);
    EXPECT_EQ(numbers(conv2d(x, w, {})), numbers(y)) << threads << " threads against one";
    EXPECT_EQ(numbers(apply(Conv2DDataGradient{{}, x.shape()}, y, w)), numbers(dx))
        << threads << " threads against one";
    EXPECT_EQ(numbers(apply(Conv2DWeightGradient{{}, w.shape()}, x, y)), numbers(dw)) << threads << " threads, twice";
  }
  config::set_num_threads(before);
}

TEST(Conv2D, ForwardAndDataGradientDoNotDependOnTheThreads) {
  const int before = config::num_threads();
  for (const LargeCase& c : large_cases()) {
    const Tensor x = noise(c.image, 0.1), w = noise(c.kernel, 0.7);
    config::set_num_threads(1);
    const Tensor y = conv2d(x, w, c.window), dx = apply(Conv2DDataGradient{c.window, c.image}, y, w);
    config::set_num_threads(3);
    EXPECT_EQ(numbers(conv2d(x, w, c.window)), numbers(y)) << to_string(c.image);
    EXPECT_EQ(numbers(apply(Conv2DDataGradient{c.window, c.image}, y, w)), numbers(dx)) << to_string(c.image);
  }
  config::set_num_threads(before);
}

TEST(Conv2D, ReluKeepsNaN) {
  for (const LargeCase& c : large_cases()) {
    Tensor x = noise(c.image, 0.1);
    x.mutable_data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
    const Tensor y = apply(Conv2D{c.window, {true, true}}, x, noise(c.kernel, 0.7), noise({c.kernel[3]}, 2.1));
    EXPECT_TRUE(std::isnan(y.at<float>(0))) << to_string(c.image) << to_string(c.kernel);
  }
}

// oneDNN asks OpenMP for its number of threads when a primitive is made and when it runs, and both are ours to hold.
TEST(Conv2D, IsPreparedTheSameOnEveryThread) {
  for (const LargeCase& c : large_cases()) {
    const Tensor x = noise(c.image, 0.1), y = conv2d(x, noise(c.kernel, 0.7), c.window);
    const Op op = Conv2DWeightGradient{c.window, c.kernel};
    const Signature s{{x.type(), y.type()}, {{DType::f32, c.kernel}}};
    const std::size_t here = op.prepare(CpuTarget{2}, s).scratch_bytes;
    std::size_t there = 0;
    std::thread([&] { there = op.prepare(CpuTarget{2}, s).scratch_bytes; }).join();
    EXPECT_EQ(here, there) << to_string(c.image) << to_string(c.kernel);
  }
}

TEST(Conv2D, SecondGradients) {
  const Window2D window{{2, 1}, Padding::same, {1, 1}, 1};
  check_compiled_gradient(
      [&](const Values& v) {
        const Value y = conv2d(v[0], v[1], window);
        const Values g = gradients(sum(y * y * y), v);
        return sum(g[0] * g[0]) + sum(g[1]);
      },
      {spread({1, 4, 3, 2}, 0.2), spread({3, 2, 2, 2}, 0.9)}, 1e-5);
}

TEST(Conv2DTranspose, SizesAsInKeras) {
  const Tensor x = noise({1, 5, 5, 3}, 0), w = noise({3, 3, 2, 3}, 1), even = noise({4, 4, 2, 3}, 1);
  const Window2D valid{{2, 2}, Padding::valid, {1, 1}, 1}, same{{2, 2}, Padding::same, {1, 1}, 1};
  EXPECT_EQ(conv2d_transpose(x, w, valid).shape(), (Shape{1, 11, 11, 2}));
  EXPECT_EQ(conv2d_transpose(x, w, same).shape(), (Shape{1, 10, 10, 2}));
  EXPECT_EQ(conv2d_transpose(x, even, same).shape(), (Shape{1, 10, 10, 2}));
  EXPECT_EQ(conv2d_transpose(x, w, valid, {{1, 0}}).shape(), (Shape{1, 12, 11, 2}));
  EXPECT_EQ(conv2d_transpose(x, w, same, {{0, 1}}).shape(), (Shape{1, 9, 10, 2}));
}

TEST(Conv2DTranspose, ByHand) {
  // Every input spreads the kernel over its place; neighbours overlap in the middle.
  const Tensor x = floats({1, 1, 2, 1}, {1, 10}), w = floats({1, 3, 1, 1}, {1, 2, 3});
  expect_near(conv2d_transpose(x, w, {{1, 2}, Padding::valid, {1, 1}, 1}), {1, 2, 13, 20, 30});
  // "same" over 4 outputs: the forward convolution pads one column, at the end.
  expect_near(conv2d_transpose(x, w, {{1, 2}, Padding::same, {1, 1}, 1}), {1, 2, 13, 20});
}

TEST(DepthwiseConv2D, ChannelsKeepApart) {
  const Tensor x = floats({1, 1, 2, 2}, {1, 10, 2, 20}), w = floats({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  expect_near(depthwise_conv2d(x, w), {1 * 1 + 2 * 5, 1 * 2 + 2 * 6, 10 * 3 + 20 * 7, 10 * 4 + 20 * 8});
}

TEST(Conv2D, MessagesNameWhatDoesNotFit) {
  const Tensor x = noise({1, 3, 3, 2}, 0);
  EXPECT_NE(error_of([&] { conv2d(x, noise({5, 5, 2, 1}, 0)); })
                .find("Computed output size would be zero or negative. Received `inputs shape=[1,3,3,2]`, `kernel shape=[5,5,2,1]`"),
            std::string::npos);
  EXPECT_NE(error_of([&] { conv2d(x, noise({1, 1, 2, 1}, 0), {{2, 2}, Padding::valid, {2, 2}, 1}); })
                .find("`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=(2, 2)"),
            std::string::npos);
  EXPECT_NE(error_of([&] { conv2d(x, noise({1, 1, 1, 3}, 0), {{1, 1}, Padding::valid, {1, 1}, 2}); }).find("groups 2"), std::string::npos);
  EXPECT_THROW(conv2d(x, noise({1, 1, 3, 1}, 0)), Error);
  EXPECT_THROW(conv2d(noise({3, 3, 2}, 0), noise({1, 1, 2, 1}, 0)), Error);
}

}  // namespace
}  // namespace strata
