#pragma once

#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/device/tensor.h"

/// One reader for each format, and what they share. Internal; see data/image_decoding.h.
namespace strata::data {

/// Error for an image of no pixels or of more than most_image_pixels.
void check_size(std::uint64_t height, std::uint64_t width, const std::string& where);

/// Memory for pixels, once a header said how many there are. Errors as above.
Tensor make_image(std::uint64_t height, std::uint64_t width, int channels, const std::string& where);

/// Where each row begins.
std::vector<std::uint8_t*> rows_of(Tensor& image);

struct Color {
  std::uint8_t red = 0, green = 0, blue = 0, opacity = 255;

  /// What is seen of it (ITU-R BT.601).
  std::uint8_t grey() const { return static_cast<std::uint8_t>((299 * red + 587 * green + 114 * blue + 500) / 1000); }
  /// As a pixel of 1, 3 or 4 channels.
  void write(std::uint8_t* pixel, int channels) const;
};

Tensor decode_jpeg(std::string_view bytes, int channels, const std::string& where,
                   const std::array<std::int64_t, 2>& at_least);
Tensor decode_png(std::string_view bytes, int channels, const std::string& where);
Tensor decode_gif(std::string_view bytes, int channels, const std::string& where);
Tensor decode_bmp(std::string_view bytes, int channels, const std::string& where);

/// Of u8 [height, width, channels], 1 or 3 channels (PNG also 4).
std::string encode_jpeg(const Tensor& image, int quality, const std::string& where);
std::string encode_png(const Tensor& image, const std::string& where);

/// libjpeg and libpng report an error by a function that must not return, so it jumps out of them.
class Jumping {
 public:
  Jumping(const char* format, std::string where) : format_(format), where_(std::move(where)) {}

  /// Runs calls into the library; Error with what it reported. An error leaves `calls` by a jump, which runs no
  /// destructors: nothing in it may need one.
  template <class F>
  void guarded(const F& calls) {
    if (setjmp(target_) != 0)
      throw Error(where_, std::string("is not a ") + format_ + " file, or a damaged one: " + message_);
    calls();
  }
  [[noreturn]] void jump(const char* message) {
    std::snprintf(message_, sizeof message_, "%s", message);
    std::longjmp(target_, 1);
  }
  const std::string& where() const { return where_; }

 private:
  std::jmp_buf target_;
  char message_[256] = "";
  const char* format_;
  std::string where_;
};

/// Numbers from the front of a file, the lowest byte first. Error naming format and file where it ends too early.
class ImageBytes {
 public:
  ImageBytes(std::string_view bytes, const char* format, const std::string& where)
      : bytes_(bytes), format_(format), where_(where) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::uint16_t u16() {
    const std::uint8_t low = u8();
    return static_cast<std::uint16_t>(low | u8() << 8);
  }
  std::uint32_t u32() {
    const std::uint32_t low = u16();
    return low | static_cast<std::uint32_t>(u16()) << 16;
  }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - place_) fail("it ends too early");
    place_ += count;
    return bytes_.substr(place_ - count, count);
  }
  std::size_t place() const { return place_; }
  void go_to(std::size_t place) {
    place_ = 0;
    take(place);
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(where_, std::string("is a damaged ") + format_ + " file: " + why);
  }

 private:
  std::string_view bytes_;
  std::size_t place_ = 0;
  const char* format_;
  const std::string& where_;
};

}  // namespace strata::data
