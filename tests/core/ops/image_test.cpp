#include "core/ops/image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/compile/function.h"
#include "core/graph/gradients.h"
#include "core/ops/equalize_images.h"
#include "core/ops/image_transform.h"
#include "core/ops/ops.h"
#include "core/ops/random_beta.h"
#include "tests/core/ops/image_goldens.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

/// The image that the goldens are made of.
Tensor photo(double scale = 1, const Shape& shape = {1, 4, 5, 3}) {
  Tensor x(DType::f32, shape);
  for (std::size_t i = 0; i < 60; ++i)
    x.mutable_data<float>()[i] = static_cast<float>(static_cast<double>(37 * i % 101) / 100 * 255 * scale);
  return x;
}
Tensor unit_photo() { return photo(1.0 / 255); }

void expect_golden(const Tensor& got, const std::vector<double>& wanted, double tolerance) {
  ASSERT_EQ(got.size(), static_cast<std::int64_t>(wanted.size()));
  const Tensor numbers = cast(got, DType::f32);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(numbers.data<float>()[i], wanted[i], tolerance) << "at " << i;
}

Tensor full_turns(double part) { return full({1, 1}, part * 2 * std::numbers::pi); }

TEST(Image, TransformsAreThoseOfKeras) {
  const Tensor x = photo();
  const auto turned = [&](double part, const image::TransformOptions& o) {
    return image::affine_transform(x, image::rotations(full_turns(part), 4, 5), o);
  };
  expect_golden(turned(0.1, {.fill_mode = "reflect"}), goldens::rotation_reflect, 2e-3);
  expect_golden(turned(0.3, {.interpolation = "nearest", .fill_mode = "wrap"}), goldens::rotation_wrap_nearest, 2e-3);
  expect_golden(turned(-0.2, {.fill_value = 7}), goldens::rotation_constant, 2e-3);
  expect_golden(turned(0.05, {.fill_mode = "nearest"}), goldens::rotation_nearest, 2e-3);
  expect_golden(image::rotate(x, 36, {.fill_mode = "reflect"}), goldens::rotation_reflect, 2e-3);
  const Tensor t = Tensor::from<float>({8}, {1, .2f, -.5f, .1f, .9f, .3f, .02f, -.03f});
  expect_golden(image::affine_transform(x, t, {.fill_mode = "reflect"}), goldens::perspective, 2e-3);
  expect_golden(image::affine_transform(squeeze(x, {0}), t, {.fill_mode = "reflect"}), goldens::perspective, 2e-3);
}

TEST(Image, TransformsSixteenBits) {
  const Tensor t = image::rotations(full_turns(0.1), 4, 5), x = cast(photo(), DType::f16);
  const Tensor y = image::affine_transform(x, t, {.fill_mode = "reflect"});
  EXPECT_EQ(y.dtype(), DType::f16);
  expect_golden(y, goldens::rotation_reflect, 0.3);
  const Value place = placeholder(x.shape(), DType::f16);
  const Value moved = image::affine_transform(place, constant(t), {.fill_mode = "reflect"});
  EXPECT_EQ(Function({place}, gradients(sum(moved), {place}))({x})[0].dtype(), DType::f16);
}

TEST(Image, ColoursAreThoseOfTensorFlow) {
  const Tensor x = unit_photo();
  expect_golden(image::adjust_hue(x, 0.3), goldens::adjust_hue, 2e-6);
  expect_golden(image::adjust_saturation(x, 1.7), goldens::adjust_saturation, 2e-6);
  expect_golden(image::adjust_contrast(x, 0.6), goldens::adjust_contrast, 2e-6);
  expect_golden(image::rgb_to_hsv(x), goldens::rgb_to_hsv, 2e-6);
  const std::vector<double> same(x.data<float>().begin(), x.data<float>().end());
  expect_golden(image::hsv_to_rgb(image::rgb_to_hsv(x)), same, 2e-6);
  expect_golden(image::rgb_to_grayscale(photo()), goldens::grayscale, 2e-4);
  const Tensor bytes = cast(photo(), DType::u8);
  expect_golden(image::adjust_brightness(bytes, 0.3), goldens::brightness_u8, 0);
  expect_golden(image::adjust_contrast(bytes, 1.6), goldens::contrast_u8, 0);
  expect_golden(image::adjust_brightness(x, 0.25) - 0.25, same, 1e-6);
}

TEST(Image, GreyHasNoHueAndAGradient) {
  const Value x = placeholder({1, 2, 2, 3}, DType::f32);
  const Value y = sum(image::adjust_hue(x, 0.2));
  const Tensor g = Function({x}, gradients(y, {x}))({full({1, 2, 2, 3}, 0.5)})[0];
  for (const float v : g.data<float>()) EXPECT_TRUE(std::isfinite(v));
  const Tensor black = image::rgb_to_hsv(full({1, 1, 3}, 0));
  for (const float v : black.data<float>()) EXPECT_EQ(v, 0);
}

TEST(Image, EachImageHasItsOwnAmount) {
  const Tensor x = concatenate(Tensors{unit_photo(), unit_photo()}, 0);
  const Tensor amounts = Tensor::from<float>({2}, {0.5f, 2});
  const Tensor y = image::adjust_saturation(x, amounts);
  for (std::int64_t i = 0; i < 2; ++i) {
    const Tensor alone = image::adjust_saturation(unit_photo(), amounts.data<float>()[static_cast<std::size_t>(i)]);
    for (std::int64_t k = 0; k < 60; ++k) EXPECT_EQ(y.at<float>(60 * i + k), alone.at<float>(k));
  }
  EXPECT_ERROR(image::adjust_hue(x, Tensor::from<float>({3}, {0, 0, 0})), "expected one amount for each of 2 images");
}

TEST(Image, FlipsAndParts) {
  const Tensor x = Tensor::from<float>({2, 3, 1}, {1, 2, 3, 4, 5, 6});
  const auto numbers = [](const Tensor& t) {
    return std::vector<float>(t.data<float>().begin(), t.data<float>().end());
  };
  EXPECT_EQ(numbers(image::flip_left_right(x)), (std::vector<float>{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(numbers(image::flip_up_down(x)), (std::vector<float>{4, 5, 6, 1, 2, 3}));
  const Tensor both = stack(Tensors{x, x});
  EXPECT_EQ(numbers(image::flip_left_right(both, Tensor::from<float>({2}, {0, 1}) > 0.5)),
            (std::vector<float>{1, 2, 3, 4, 5, 6, 3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(numbers(image::crop(x, 1, 1, 1, 2)), (std::vector<float>{5, 6}));
  EXPECT_EQ(image::central_crop(full({7, 9, 3}, 1), 0.5).shape(), (Shape{5, 5, 3}));
  EXPECT_ERROR(image::crop(x, 1, 0, 2, 1), "2 x 1 from row 1 and column 0");
  EXPECT_ERROR(image::central_crop(x, 0), "expected a fraction above 0 and up to 1");
  EXPECT_ERROR(image::flip_left_right(full({3, 3}, 1)), "expected images [H,W,C] or [N,H,W,C]; received f32[3,3]");
}

TEST(EqualizeImages, MakesLevelsEven) {
  const Tensor x = Tensor::from<float>({1, 2, 4, 1}, {10, 10, 10, 10, 11, 12, 12, 13});
  // Of the four pixels above the lowest level one, three, four lie in a level or below.
  const std::vector<float> wanted{0, 0, 0, 0, 64, 191, 191, 255};
  EXPECT_TRUE(std::ranges::equal(equalize_images(x).data<float>(), wanted));
  EXPECT_TRUE(std::ranges::equal(equalize_images(x, 2).data<float>(), x.data<float>()));  // all in one bin
  const Tensor beside = Tensor::from<float>({1, 1, 3, 1}, {-5, 300, std::nanf("")});
  const Tensor y = equalize_images(beside);
  EXPECT_EQ(y.at<float>(0), 0);
  EXPECT_EQ(y.at<float>(1), 255);
  EXPECT_EQ(y.at<float>(2), 0);
}

TEST(EqualizeImages, ChecksItsInput) {
  EXPECT_ERROR(equalize_images(full({2, 3, 1}, 1)),
               "expected images [N,H,W,C] of a floating type; received f32[2,3,1]");
  EXPECT_ERROR(equalize_images(full({1, 2, 3, 1}, 1, DType::u8)), "received u8[1,2,3,1]");
  EXPECT_ERROR(equalize_images(full({1, 2, 3, 1}, 1), 65537), "expected 1 to 65536 bins; received 65537");
}

TEST(Image, ErrorsNameWhatIsWrong) {
  const Tensor x = photo(), t = full({8}, 0);
  EXPECT_ERROR(image::affine_transform(x, t, {.interpolation = "cubic"}), "\"cubic\"");
  EXPECT_ERROR(image::affine_transform(x, t, {.fill_mode = "mirror"}), "\"mirror\"");
  EXPECT_ERROR(image::affine_transform(x, full({2, 8}, 0)), "expected transforms f32[1,8] or one for all");
  EXPECT_ERROR(image::rgb_to_hsv(full({2, 2, 1}, 0)), "expected three channels on the last axis");
  EXPECT_ERROR(image::adjust_hue(cast(x, DType::u8), 0.1), "a floating type");
  EXPECT_ERROR(image::adjust_hue(x, 1.5), "expected a delta in [-1, 1]");
}

/// Share of numbers below each of ten steps, against the distribution function.
void expect_distribution(float a, float b, double (*distribution)(double)) {
  const Tensor drawn = apply(RandomBeta{{20000}}, random_state(77), Tensor::scalar(a), Tensor::scalar(b));
  for (int step = 1; step < 10; ++step) {
    double below = 0;
    for (const float v : drawn.data<float>()) below += v < static_cast<float>(step) / 10 ? 1 : 0;
    EXPECT_NEAR(below / 20000, distribution(step / 10.0), 0.012) << a << ", " << b << " below " << step / 10.0;
  }
}

TEST(RandomBeta, HasTheDistribution) {
  expect_distribution(1, 1, [](double x) { return x; });
  expect_distribution(0.5f, 0.5f, [](double x) { return 2 / std::numbers::pi * std::asin(std::sqrt(x)); });
  expect_distribution(2, 1, [](double x) { return x * x; });
  expect_distribution(1, 3, [](double x) { return 1 - std::pow(1 - x, 3); });
  const Tensor nothing = apply(RandomBeta{{2}}, random_state(1), Tensor::scalar(0.0f), Tensor::scalar(1.0f));
  EXPECT_TRUE(std::isnan(nothing.at<float>(0)));
}

TEST(RandomBeta, ChecksItsInputs) {
  EXPECT_ERROR(apply(RandomBeta{{2}}, random_state(1), full({2}, 1), Tensor::scalar(1.0f)),
               "expected parameters f32[]");
}

}  // namespace
}  // namespace strata
