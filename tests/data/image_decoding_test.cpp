#include "data/image_decoding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/data/image_cases.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using data::decode_image;

std::string file_named(const std::string& name) {
  for (const ImageCase& c : image_cases())
    if (c.name == name) return bytes_of_hex(c.file);
  throw std::runtime_error("no image " + name);
}

/// The two sizes in the header of a PNG file, with the checksum that fits.
std::string png_of_size(std::uint32_t width, std::uint32_t height) {
  std::string png = file_named("gray.png");
  const auto put = [&](std::size_t at, std::uint32_t number) {
    for (int i = 0; i < 4; ++i) png[at + static_cast<std::size_t>(i)] = static_cast<char>(number >> (24 - 8 * i));
  };
  put(16, width);
  put(20, height);
  std::uint32_t crc = 0xffffffffu;  // over "IHDR" and its content (the PNG specification, annex D)
  for (std::size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<std::uint8_t>(png[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  put(29, ~crc);
  return png;
}

// The version of libjpeg-turbo differs between TensorFlow and systems, and so may the last bit of a pixel.
TEST(ImageDecoding, PixelsAreThoseOfTensorFlow) {
  for (const ImageCase& c : image_cases()) {
    const int tolerance = c.name.ends_with(".jpg") ? 1 : 0;
    for (const DecodedImage& expected : c.decoded) {
      SCOPED_TRACE(c.name + " as " + std::to_string(expected.channels) + " channels");
      const Tensor image = decode_image(bytes_of_hex(c.file), expected.channels, c.name);
      ASSERT_EQ(image.type(), (Type{DType::u8, {expected.height, expected.width, expected.channels}}));
      const std::string wanted = bytes_of_hex(expected.pixels);
      const auto pixels = image.data<std::uint8_t>();
      int largest = 0;
      for (std::size_t i = 0; i < pixels.size(); ++i)
        largest = std::max(largest, std::abs(pixels[i] - static_cast<std::uint8_t>(wanted[i])));
      EXPECT_LE(largest, tolerance);
    }
  }
}

// No place to cut may pass: the last byte of a JPEG's end marker and of a PNG's last chunk included. A GIF's last byte
// only says that no further picture follows.
TEST(ImageDecoding, CutFilesAreErrorsThatNameThem) {
  for (const std::string name : {"color420.jpg", "progressive.jpg", "cmyk.jpg", "rgba.png", "palette.png", "first.gif",
                                 "interlaced.gif", "rgb.bmp", "palette.bmp"}) {
    const std::string whole = file_named(name);
    const std::size_t needed = whole.size() - (name.ends_with(".gif") ? 1 : 0);
    for (std::size_t length = 0; length < needed; ++length) {
      SCOPED_TRACE(name + " cut to " + std::to_string(length));
      EXPECT_ERROR(decode_image(std::string_view(whole).substr(0, length), 3, "folder/" + name), "folder/" + name);
    }
  }
}

TEST(ImageDecoding, FlippedBitsGiveAnImageOrAnError) {
  for (const std::string name : {"color444.jpg", "progressive.jpg", "cmyk.jpg", "rgb16.png", "palette.png",
                                 "animated.gif", "palette.bmp", "rgba.bmp"}) {
    const std::string whole = file_named(name);
    int errors = 0;
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      try {
        EXPECT_EQ(decode_image(damaged, 3, name).dtype(), DType::u8);
      } catch (const Error& e) {
        EXPECT_EQ(e.where(), name);
        ++errors;
      }
    }
    EXPECT_GT(errors, 0) << name;
  }
}

TEST(ImageDecoding, AbsurdSizesAreRefusedBeforeMemoryIsTaken) {
  EXPECT_ERROR(decode_image(png_of_size(999'999, 999'999), 3, "huge.png"),
               "expected an image of 1 to 134217728 pixels; received 999999 x 999999");
  std::string jpeg = file_named("gray.jpg");
  const std::size_t header = jpeg.find("\xff\xc0");
  ASSERT_NE(header, std::string::npos);
  for (std::size_t i = 5; i < 9; ++i) jpeg[header + i] = '\xfc';
  EXPECT_ERROR(decode_image(jpeg, 3, "huge.jpg"), "received 64764 x 64764");
}

TEST(ImageDecoding, WhatIsNotSupportedSaysSo) {
  EXPECT_ERROR(decode_image("", 3, "a.jpg"), "is empty");
  EXPECT_ERROR(decode_image("RIFF....WEBP", 3, "a.png"), "expected a JPEG, PNG, GIF or BMP image; its first bytes");
  EXPECT_ERROR(decode_image(file_named("gray.jpg"), 4, "a.jpg"), "no transparency");
  EXPECT_ERROR(decode_image(file_named("gray.jpg"), 2, "a.jpg"), "1, 3 or 4 channels");
  EXPECT_ERROR(decode_image("\xff\xd8\xff and text", 3, "a.jpg"), "is not a JPEG file, or a damaged one");
  EXPECT_ERROR(decode_image("\x89PNG\r\n\x1a\n and text that goes on", 3, "a.png"),
               "is not a PNG file, or a damaged one");
  std::string bmp = file_named("gray.bmp");
  bmp[30] = 1;
  EXPECT_ERROR(decode_image(bmp, 3, "a.bmp"), "without compression; received one compressed by run lengths");
  bmp[28] = 5;
  EXPECT_ERROR(decode_image(bmp, 3, "a.bmp"), "is a damaged BMP file: its pixels have 5 bits");
}

int pixel_of(const Tensor& image, std::int64_t y, std::int64_t x, std::int64_t channel) {
  return image.at<int>((y * image.shape()[1] + x) * image.shape()[2] + channel);
}

TEST(ImageDecoding, GreyOfFormatsInWhichTensorFlowHasNone) {
  for (const std::string name : {"cmyk.jpg", "first.gif", "rgb.bmp"}) {
    const Tensor rgb = decode_image(file_named(name), 3, name), grey = decode_image(file_named(name), 1, name);
    ASSERT_EQ(grey.shape(), Shape({rgb.shape()[0], rgb.shape()[1], 1}));
    for (std::int64_t i = 0; i < grey.size(); ++i)
      EXPECT_NEAR(grey.at<int>(i),
                  0.299 * rgb.at<int>(3 * i) + 0.587 * rgb.at<int>(3 * i + 1) + 0.114 * rgb.at<int>(3 * i + 2), 0.51);
  }
}

// A picture that is smaller than its canvas: around it, and where it is transparent, there is nothing.
TEST(ImageDecoding, AGifKeepsItsPlaceOnItsCanvas) {
  const Tensor whole = decode_image(file_named("first.gif"), 3, "");
  std::string gif = file_named("transparent.gif");
  gif[6] = 12;  // the canvas, 9 x 7 before
  gif[8] = 11;
  const std::size_t picture = gif.find('\x2c', 13 + 3 * 16);
  gif[picture + 1] = 2;  // its left
  gif[picture + 3] = 1;  // and top
  const Tensor image = decode_image(gif, 4, "");
  ASSERT_EQ(image.shape(), Shape({11, 12, 4}));
  EXPECT_EQ(pixel_of(image, 0, 5, 3), 0);
  EXPECT_EQ(pixel_of(image, 10, 11, 0), 0);
  int opaque = 0;
  for (std::int64_t y = 0; y < 7; ++y)
    for (std::int64_t x = 0; x < 9; ++x)
      if (pixel_of(image, y + 1, x + 2, 3) == 255) {
        ++opaque;
        for (std::int64_t c = 0; c < 3; ++c) EXPECT_EQ(pixel_of(image, y + 1, x + 2, c), pixel_of(whole, y, x, c));
      }
  EXPECT_GT(opaque, 40);
  EXPECT_LT(opaque, 63);
}

// 2 x 2 pixels of 16 bits, five for each colour, the first row on top; and the same with masks of 5, 6 and 5.
TEST(ImageDecoding, BmpOfSixteenBits) {
  const auto number = [](std::uint32_t n, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i, n >>= 8) text += static_cast<char>(n);
    return text;
  };
  const auto bmp = [&](std::uint32_t compression, const std::string& masks, std::vector<std::uint32_t> pixels) {
    std::string file = "BM" + number(0, 8) + number(static_cast<std::uint32_t>(54 + masks.size()), 4) + number(40, 4) +
                       number(2, 4) + number(static_cast<std::uint32_t>(-2), 4) + number(1, 2) + number(16, 2) +
                       number(compression, 4) + number(0, 20) + masks;
    for (const std::uint32_t pixel : pixels) file += number(pixel, 2);
    return file;
  };
  const Tensor five = decode_image(bmp(0, "", {0x7c00, 0x03e0, 0x001f, 0x4210}), 3, "");
  EXPECT_TRUE(std::ranges::equal(five.data<std::uint8_t>(),
                                 std::vector<std::uint8_t>{255, 0, 0, 0, 255, 0, 0, 0, 255, 132, 132, 132}));
  const std::string masks = number(0xf800, 4) + number(0x07e0, 4) + number(0x001f, 4);
  const Tensor six = decode_image(bmp(3, masks, {0xf800, 0x07e0, 0x001f, 0x0020}), 4, "");
  EXPECT_TRUE(std::ranges::equal(six.data<std::uint8_t>(), std::vector<std::uint8_t>{255, 0, 0, 255, 0, 255, 0, 255, 0,
                                                                                     0, 255, 255, 0, 4, 0, 255}));
}

TEST(ImageDecoding, JpegIsScaledWhereThatIsEnough) {
  const std::string jpeg = file_named("color420.jpg");  // 18 x 13
  const Tensor whole = decode_image(jpeg, 3, "");
  const auto mean = [](const Tensor& image) {
    double sum = 0;
    for (const std::uint8_t value : image.data<std::uint8_t>()) sum += value;
    return sum / static_cast<double>(image.size());
  };
  const Tensor half = decode_image(jpeg, 3, "", {6, 9});
  EXPECT_EQ(half.shape(), Shape({7, 9, 3}));
  EXPECT_NEAR(mean(half), mean(whole), 3);
  EXPECT_EQ(decode_image(jpeg, 3, "", {7, 9}).shape(), whole.shape());
  EXPECT_EQ(decode_image(jpeg, 3, "", {1, 2}).shape(), Shape({2, 3, 3}));
  EXPECT_EQ(decode_image(jpeg, 3, "", {100, 100}).shape(), whole.shape());
}

}  // namespace
}  // namespace strata
