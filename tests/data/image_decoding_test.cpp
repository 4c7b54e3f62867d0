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
    const int tolerance = c.name.ends_with(".png") ? 0 : 1;
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

// No place to cut may pass: the last byte of a JPEG's end marker and of a PNG's last chunk included.
TEST(ImageDecoding, CutFilesAreErrorsThatNameThem) {
  for (const std::string name : {"color420.jpg", "progressive.jpg", "rgba.png", "palette.png"}) {
    const std::string whole = file_named(name);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      SCOPED_TRACE(name + " cut to " + std::to_string(length));
      EXPECT_ERROR(decode_image(std::string_view(whole).substr(0, length), 3, "folder/" + name), "folder/" + name);
    }
  }
}

TEST(ImageDecoding, FlippedBitsGiveAnImageOrAnError) {
  for (const std::string name : {"color444.jpg", "progressive.jpg", "rgb16.png", "palette.png"}) {
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
  EXPECT_ERROR(decode_image("GIF89a", 3, "a.png"), "expected a JPEG or PNG image");
  EXPECT_ERROR(decode_image(file_named("gray.jpg"), 4, "a.jpg"), "no transparency");
  EXPECT_ERROR(decode_image(file_named("gray.jpg"), 2, "a.jpg"), "1, 3 or 4 channels");
  EXPECT_ERROR(decode_image("\xff\xd8\xff and text", 3, "a.jpg"), "is not a JPEG file, or a damaged one");
  EXPECT_ERROR(decode_image("\x89PNG\r\n\x1a\n and text that goes on", 3, "a.png"),
               "is not a PNG file, or a damaged one");
}

}  // namespace
}  // namespace strata
