#include "data/image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/ops.h"
#include "tests/data/image_cases.h"
#include "tests/data/make_files.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using Size = std::array<std::int64_t, 2>;
using Floats = std::vector<float>;

/// [5,6,1], the image of tests/core/ops/resize_images_test.cpp.
Tensor picture() {
  Floats values;
  for (int i = 0; i < 30; ++i) values.push_back(static_cast<float>((i * 37 + i * i * 11) % 256));
  return Tensor::from({5, 6, 1}, values);
}

void expect_near(const Tensor& image, const Shape& shape, const Floats& expected, float tolerance = 2e-3f) {
  ASSERT_EQ(image.type(), (Type{DType::f32, shape}));
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(image.data<float>()[i], expected[i], tolerance) << i;
}

std::string file_named(const std::string& name) {
  for (const ImageCase& c : image_cases())
    if (c.name == name) return bytes_of_hex(c.file);
  throw std::runtime_error("no image " + name);
}

// Values from keras.ops.image.resize (Keras 3.15.1) and tf.image.resize_with_pad (TensorFlow 2.21).
TEST(ImageResize, AspectRatiosAreKeptAsKerasDoes) {
  const Tensor x = picture();
  const auto cropped = [&](const Size& size) { return image::resize(x, size, {.crop_to_aspect_ratio = true}); };
  const auto padded = [&](const Size& size) {
    return image::resize(x, size, {.pad_to_aspect_ratio = true, .fill_value = 9});
  };
  expect_near(cropped({2, 5}), {2, 5, 1}, {98.4f, 90.6f, 216, 193, 200.8f, 216, 59.4f, 164, 120.2f, 209.6f});
  expect_near(cropped({4, 3}), {4, 3, 1},
              {45.75f, 132.25f, 208.75f, 32.25f, 187.75f, 205.25f, 54.75f, 55.25f, 237.75f, 113.25f, 182.75f, 82.25f});
  expect_near(padded({2, 5}), {2, 5, 1}, {9, 75, 203, 198.2f, 9, 9, 111, 135, 51.8f, 9});
  expect_near(padded({4, 3}), {4, 3, 1},
              {14.625f, 67.125f, 56.625f, 76.5f, 209.5f, 190.5f, 104.5f, 139.5f, 134.5f, 38.625f, 55.125f, 56.625f});
  expect_near(image::resize_with_pad(x, {2, 5}), {2, 5, 1}, {0, 34.5f, 159.5f, 0, 0, 0, 79.5f, 234.5f, 0, 0});
  expect_near(image::resize_with_pad(x, {4, 3}), {4, 3, 1}, {57, 203, 181, 97, 135, 133, 0, 0, 0, 0, 0, 0});
  expect_near(image::resize_with_pad(x, {7, 4}), {7, 4, 1},
              {0,        0,        0, 0, 37, 127.5f, 182.167f, 179.667f, 186, 94.5f, 180.5f, 188, 87, 133.5f,
               144.167f, 97.6667f, 0, 0, 0,  0,      0,        0,        0,   0,     0,      0,   0,  0});
}

TEST(ImageResize, BatchesAndBytes) {
  const Tensor x = picture(), bytes = cast(x, DType::u8);
  const Tensor one = image::resize(x, {7, 4}, {.interpolation = "bicubic", .antialias = true});
  const Tensor same = image::resize(bytes, {7, 4}, {.interpolation = "bicubic", .antialias = true});
  EXPECT_TRUE(std::ranges::equal(one.data<float>(), same.data<float>()));
  const Tensor batch = image::resize(expand_dims(bytes, 0), {3, 3}, {.interpolation = "nearest"});
  EXPECT_EQ(batch.type(), (Type{DType::u8, {1, 3, 3, 1}}));
  EXPECT_EQ(image::resize_with_pad(bytes, {3, 3}, "nearest").type(), (Type{DType::f32, {3, 3, 1}}));
}

TEST(ImageResize, WhatDoesNotFit) {
  EXPECT_ERROR(image::resize(picture(), {0, 2}),
               "[image::resize] expected a size of 1 to 134217728 pixels; received 0 x 2");
  EXPECT_ERROR(image::resize(picture(), {2, 2}, {.interpolation = "cubic"}), "interpolation to be one of");
  EXPECT_ERROR(image::resize(squeeze(picture(), {2}), {2, 2}), "expected images [h,w,c] or [n,h,w,c]; received [5,6]");
  EXPECT_ERROR(image::resize(picture(), {2, 2}, {.crop_to_aspect_ratio = true, .pad_to_aspect_ratio = true}),
               "Only one of");
}

class ImageFileTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path / name).string(); }
  TemporaryFolder folder_;
};

TEST_F(ImageFileTest, LoadsAsItIsOrInAnotherSize) {
  write_file(path("a.png"), file_named("rgb.bmp"));  // the content counts
  const Tensor image = image::load(path("a.png"));
  ASSERT_EQ(image.type(), (Type{DType::f32, {7, 9, 3}}));
  EXPECT_EQ(image.data<float>()[0], 173.0f);
  EXPECT_EQ(image::load(path("a.png"), {.color_mode = "rgba"}).shape(), Shape({7, 9, 4}));
  EXPECT_EQ(image::load(path("a.png"), {.height = 3, .width = 4, .color_mode = "grayscale"}).shape(), Shape({3, 4, 1}));
  const Tensor resized = image::load(path("a.png"), {.height = 3, .width = 4, .interpolation = "area"});
  expect_near(resized, {3, 4, 3}, [&] {
    const Tensor expected = image::resize(image, {3, 4}, {.interpolation = "area"});
    return Floats(expected.data<float>().begin(), expected.data<float>().end());
  }());
  EXPECT_EQ(image::load(path("a.png"), {.height = 3, .width = 4, .interpolation = "nearest"}).dtype(), DType::f32);
  EXPECT_ERROR(image::load(path("none.png")), "none.png");
  EXPECT_ERROR(image::load(path("a.png"), {.height = 3}), "[image::load] expected a size of 1 to");
  EXPECT_ERROR(image::load(path("a.png"), {.scaled_decoding = true}), "needs a height and a width");
  EXPECT_ERROR(image::decode("no image", {}, "mail"), "[mail] expected a JPEG, PNG, GIF or BMP image");
}

TEST_F(ImageFileTest, WhatIsSavedIsRead) {
  for (const std::int64_t channels : {1, 3, 4}) {
    const std::string mode = channels == 1 ? "grayscale" : channels == 3 ? "rgb" : "rgba";
    Floats values;
    for (std::int64_t i = 0; i < 12 * 11 * channels; ++i) values.push_back(static_cast<float>(i * 7 % 256));
    const Tensor x = Tensor::from({12, 11, channels}, values);
    image::save(path("x.png"), x);
    expect_near(image::load(path("x.png"), {.color_mode = mode}), x.shape(), values, 0);
    image::save(path("x.PNG"), expand_dims(cast(x, DType::u8), 0));
    expect_near(image::load(path("x.PNG"), {.color_mode = mode}), x.shape(), values, 0);
  }
  Floats smooth;
  for (int i = 0; i < 20 * 30; ++i)
    for (int c = 0; c < 3; ++c) smooth.push_back(static_cast<float>(i / 30 * 5 + i % 30 * 3 + 20 * c));
  const Tensor x = Tensor::from({20, 30, 3}, smooth);
  image::save(path("x.jpeg"), x, {.quality = 98});
  expect_near(image::load(path("x.jpeg")), x.shape(), smooth, 6);
  const auto fine = std::filesystem::file_size(path("x.jpeg"));
  image::save(path("x.jpeg"), x);
  EXPECT_LT(std::filesystem::file_size(path("x.jpeg")), fine);
}

TEST_F(ImageFileTest, ValuesAreRoundedAndCutOff) {
  image::save(path("x.png"), Tensor::from<float>({1, 5, 1}, {-3, 0.4f, 0.6f, 254.7f, 1e9f}));
  expect_near(image::load(path("x.png"), {.color_mode = "grayscale"}), {1, 5, 1}, {0, 0, 1, 255, 255}, 0);
}

TEST_F(ImageFileTest, WhatCannotBeSavedLeavesTheFileAsItWas) {
  const Tensor x = picture();
  image::save(path("x.png"), x);
  const std::string before = read_file(path("x.png"));
  EXPECT_ERROR(image::save(path("x.png"), Tensor::from<float>({1, 1, 1}, {std::nanf("")})), "the image holds NaN");
  EXPECT_ERROR(image::save(path("x.png"), Tensor::from<float>({1, 1, 2}, {1, 2})),
               "of 1, 3 or 4 channels; received [1,1,2]");
  EXPECT_ERROR(image::save(path("x.png"), Tensor::from<float>({2}, {1, 2})), "expected an image [h,w,c]");
  EXPECT_ERROR(image::save(path("x.png"), cast(x, DType::i32)), "expected an image of u8 or a floating type");
  EXPECT_ERROR(image::save(path("x.jpg"), Tensor::from<float>({1, 1, 4}, {1, 2, 3, 4})), "of 1 or 3 channels");
  EXPECT_ERROR(image::save(path("x.gif"), x), "a name that ends in .png, .jpg or .jpeg; received .gif");
  EXPECT_ERROR(image::save(path("x.jpg"), x, {.quality = 0}), "a quality of 1 to 100; received 0");
  EXPECT_ERROR(image::save(path("nowhere/x.png"), x), "nowhere/x.png");
  EXPECT_EQ(read_file(path("x.png")), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path), std::filesystem::directory_iterator()), 1);
}

}  // namespace
}  // namespace strata
