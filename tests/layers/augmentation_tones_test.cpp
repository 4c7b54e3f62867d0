#include <gtest/gtest.h>

#include <set>

#include "core/ops/ops.h"
#include "layers/augmentation.h"
#include "tests/layers/augmentation_goldens.h"
#include "tests/layers/augmentation_testing.h"

namespace strata {
namespace {

using testing::difference;
using testing::photos;
using testing::run;
using testing::same;

/// One row of all 256 levels, in one channel, `count` times.
Tensor levels(std::int64_t count) {
  Tensor x(DType::f32, {count, 1, 256, 1});
  for (std::int64_t i = 0; i < x.size(); ++i)
    x.mutable_data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i % 256);
  return x;
}
float level(const Tensor& t, std::int64_t image, std::int64_t i) { return t.at<float>(256 * image + i); }

TEST(Tones, AreKerass) {
  const Tensor x = photos(1);
  const auto expect = [](const Layer& layer, const Tensor& images, const std::vector<double>& wanted,
                         double tolerance) {
    EXPECT_LT(difference(run(layer, {images}, Mode::train), 0, wanted), tolerance) << layer.class_name();
  };
  expect(layers::RandomSharpness({0.2, 0.2}), x, goldens::sharpness_less, 2e-3);
  expect(layers::RandomSharpness({0.9, 0.9}), x, goldens::sharpness_more, 2e-3);
  expect(layers::RandomPosterization({3, 3}), x, goldens::posterization, 1e-6);
  expect(layers::RandomPosterization({5, 5}, {.value_range = {0, 1}}), x / 255, goldens::posterization_unit, 2e-6);
  expect(layers::AutoContrast(), x * 0.3 + 40, goldens::auto_contrast, 2e-3);
  expect(layers::AutoContrast({.value_range = {-1, 1}}), x / 510, goldens::auto_contrast_signed, 2e-6);
}

TEST(RandomSharpness, NeedsNoColours) {
  const Tensor x = full({1, 3, 3, 1}, 13);
  testing::expect_values(run(layers::RandomSharpness({0, 0}), {x}, Mode::train), {8, 10, 8, 10, 13, 10, 8, 10, 8},
                         1e-5f);
}

TEST(RandomPosterization, DrawsBitsBelowTheUpperEnd) {
  const Tensor x = levels(64), y = run(layers::RandomPosterization(4, {.seed = 5}), {x}, Mode::train);
  std::set<std::size_t> counts;
  for (std::int64_t n = 0; n < 64; ++n) {
    std::set<float> different;
    for (std::int64_t i = 0; i < 256; ++i) different.insert(level(y, n, i));
    const auto step = static_cast<float>(256 / different.size());
    for (std::int64_t i = 0; i < 256; ++i) EXPECT_EQ(level(y, n, i), step * std::floor(static_cast<float>(i) / step));
    counts.insert(different.size());
  }
  EXPECT_EQ(counts, (std::set<std::size_t>{2, 4, 8}));
}

TEST(Solarization, InvertsAllWithoutFactors) {
  EXPECT_TRUE(same(run(layers::Solarization(), {levels(1)}, Mode::train), 255 - levels(1)));
  const Tensor y = run(layers::Solarization(0, 0, {.value_range = {-1, 1}}), {levels(1) / 127.5 - 1}, Mode::train);
  for (std::int64_t i = 0; i < 256; ++i) EXPECT_NEAR(level(y, 0, i), 1 - static_cast<double>(i) / 127.5, 1e-6);
}

TEST(Solarization, InvertsAboveAThreshold) {
  const Tensor y = run(layers::Solarization(0, 0.4, {.seed = 2}), {levels(32)}, Mode::train);
  std::set<std::int64_t> thresholds;
  for (std::int64_t n = 0; n < 32; ++n) {
    std::int64_t threshold = 0;
    while (level(y, n, threshold) == static_cast<float>(threshold)) ++threshold;
    for (std::int64_t i = threshold; i < 256; ++i) EXPECT_EQ(level(y, n, i), static_cast<float>(255 - i));
    thresholds.insert(threshold);
  }
  EXPECT_GT(thresholds.size(), 16u);
  EXPECT_LE(*thresholds.rbegin(), 102);
  EXPECT_GT(*thresholds.rbegin(), 60);
}

// Keras draws from the lower end itself to 255 times the upper one.
TEST(Solarization, AddsFirst) {
  const Tensor y = run(layers::Solarization({0.2, 0.2}, 0, {.seed = 3}), {levels(32)}, Mode::train);
  double least = 255, most = 0;
  for (std::int64_t n = 0; n < 32; ++n) {
    const double added = 255 - level(y, n, 0);
    least = std::min(least, added), most = std::max(most, added);
    for (std::int64_t i = 0; i < 256; ++i)
      EXPECT_NEAR(level(y, n, i), 255 - std::min(255.0, static_cast<double>(i) + added), 1e-4);
  }
  EXPECT_GE(least, 0.2);
  EXPECT_LT(least, 15);
  EXPECT_LE(most, 51);
  EXPECT_GT(most, 36);
}

TEST(AutoContrast, WorksInInferenceAndLeavesChannelsOfOneNumberAlone) {
  Tensor x = photos(2);
  for (std::int64_t i = 1; i < x.size(); i += 3) x.mutable_data<float>()[static_cast<std::size_t>(i)] = 7;
  const Tensor y = run(layers::AutoContrast(), {x * 0.5});
  EXPECT_TRUE(same(y, run(layers::AutoContrast(), {x * 0.5}, Mode::train)));
  for (std::int64_t i = 1; i < x.size(); i += 3) EXPECT_EQ(y.at<float>(i), 3.5f);
  EXPECT_TRUE(same(testing::row(y, 0), testing::row(y, 1)));
  EXPECT_EQ(*std::ranges::max_element(y.data<float>()), 255);
  EXPECT_EQ(*std::ranges::min_element(y.data<float>()), 0);
}

TEST(Equalization, IsKerass) {
  const Tensor x = concatenate(Tensors{floor(photos(1) / 10), floor(photos(1) / 3) + 20}, 0);
  const auto expect = [&](const Layer& layer, const Tensor& images, const std::vector<double>& wanted, double unit) {
    const Tensor y = run(layer, {images}, Mode::train);
    for (std::size_t i = 0; i < 120; ++i)
      EXPECT_NEAR(y.at<float>(static_cast<std::int64_t>(i)), wanted[i] * unit, 1e-6) << "at " << i;
  };
  expect(layers::Equalization(), x, goldens::equalization, 1);
  expect(layers::Equalization({.bins = 16}), x, goldens::equalization_16_bins, 1);
  expect(layers::Equalization({.value_range = {0, 1}}), x / 255, goldens::equalization, 1.0 / 255);
  EXPECT_TRUE(same(run(layers::Equalization(), {x}), x));  // in inference
}

TEST(RandomInvert, InvertsWithTheChanceOfTheFactor) {
  const Tensor x = photos(64), inverted = 200 - x;
  const auto chosen = [&](const Interval& factor) {
    const Tensor y = run(layers::RandomInvert(factor, {.value_range = {10, 200}, .seed = 7}), {x}, Mode::train);
    int count = 0;
    for (std::int64_t i = 0; i < 64; ++i) {
      const bool is_inverted = same(testing::row(y, i), testing::row(inverted, i));
      EXPECT_TRUE(is_inverted || same(testing::row(y, i), testing::row(x, i)));
      count += is_inverted ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(chosen({1, 1}), 64);
  EXPECT_EQ(chosen({0, 0}), 0);
  EXPECT_NEAR(chosen(1.0), 32, 16);
  EXPECT_NEAR(chosen({0.2, 0.2}), 13, 11);
}

/// Sixteen images [6, 10, 3] of 300, which no filling is.
Tensor blank() { return full({16, 6, 10, 3}, 300); }
/// What the numbers other than 300 of an image are; they have to fill 3 x 5 pixels, or none.
std::set<float> rectangle(const Tensor& images, std::int64_t n) {
  std::set<float> found;
  std::set<std::int64_t> rows, columns;
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < 180; ++i) {
    const float v = images.at<float>(180 * n + i);
    if (v == 300) continue;
    found.insert(v), rows.insert(i / 30), columns.insert(i / 3 % 10), ++count;
  }
  EXPECT_EQ(count, found.empty() ? 0 : 45);
  EXPECT_EQ(rows.size(), found.empty() ? 0u : 3u);
  EXPECT_EQ(columns.size(), found.empty() ? 0u : 5u);
  return found;
}

TEST(RandomErasing, FillsARectangle) {
  const auto erased = [](const Interval& factor, const std::optional<layers::FillValue>& fill) {
    return run(layers::RandomErasing({.factor = factor, .scale = {0.25, 0.25}, .fill_value = fill, .seed = 4}),
               {blank()}, Mode::train);
  };
  std::set<std::int64_t> firsts;
  const Tensor grey = erased({1, 1}, 7.0), colour = erased({1, 1}, {{1, 2, 400}}), noise = erased({1, 1}, {});
  for (std::int64_t n = 0; n < 16; ++n) {
    EXPECT_EQ(rectangle(grey, n), (std::set<float>{7}));
    EXPECT_EQ(rectangle(colour, n), (std::set<float>{1, 2, 255}));
    const std::set<float> numbers = rectangle(noise, n);
    EXPECT_GT(numbers.size(), 5u);  // of 45, half of them below 0
    EXPECT_TRUE(*numbers.begin() == 0 && *numbers.rbegin() <= 255);
    const auto image = grey.data<float>().subspan(static_cast<std::size_t>(180 * n), 180);
    firsts.insert(std::ranges::find(image, 7.0f) - image.begin());
  }
  EXPECT_GT(firsts.size(), 8u);
  EXPECT_TRUE(same(erased({0, 0}, 7.0), blank()));
  int count = 0;
  for (std::int64_t n = 0; n < 16; ++n) count += rectangle(erased(1.0, 7.0), n).empty() ? 0 : 1;
  EXPECT_NEAR(count, 8, 6);
}

}  // namespace
}  // namespace strata
