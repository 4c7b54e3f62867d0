#include "data/image_codecs.h"

#include <png.h>

#include <cstring>

/// PNG; the only use of libpng. Of an animated file libpng reads the default image.
namespace strata::data {

namespace {

class PngDecoder {
 public:
  PngDecoder(std::string_view bytes, const std::string& where) : jumping_("PNG", where), rest_(bytes) {
    png_ = ::png_create_read_struct(PNG_LIBPNG_VER_STRING, &jumping_, on_error, [](png_structp, png_const_charp) {});
    info_ = png_ ? ::png_create_info_struct(png_) : nullptr;
    if (!info_) {
      ::png_destroy_read_struct(&png_, nullptr, nullptr);
      throw Error(where, "libpng cannot be set up");
    }
    ::png_set_read_fn(png_, this, on_read);
  }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() { ::png_destroy_read_struct(&png_, &info_, nullptr); }

  Tensor decode(int channels) {
    jumping_.guarded([&] { ::png_read_info(png_, info_); });
    Tensor image =
        make_image(::png_get_image_height(png_, info_), ::png_get_image_width(png_, info_), channels, jumping_.where());
    std::vector<std::uint8_t*> rows = rows_of(image);
    jumping_.guarded([&] {
      ask_for(channels);
      if (::png_get_rowbytes(png_, info_) != ::png_get_image_width(png_, info_) * static_cast<std::size_t>(channels))
        ::png_error(png_, "its pixels have a form that is not known here");
      ::png_read_image(png_, rows.data());
      ::png_read_end(png_, nullptr);
    });
    return image;
  }

 private:
  /// Has libpng convert whatever the file holds to 8-bit samples of so many channels.
  void ask_for(int channels) {
    const int color = ::png_get_color_type(png_, info_);
    const bool is_grey = (color & PNG_COLOR_MASK_COLOR) == 0, has_alpha = (color & PNG_COLOR_MASK_ALPHA) != 0,
               has_transparent_color = ::png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
    ::png_set_strip_16(png_);
    ::png_set_packing(png_);
    if (color == PNG_COLOR_TYPE_PALETTE) ::png_set_palette_to_rgb(png_);
    if (is_grey && ::png_get_bit_depth(png_, info_) < 8) ::png_set_expand_gray_1_2_4_to_8(png_);
    if (channels < 4) {
      if (has_alpha || has_transparent_color) ::png_set_strip_alpha(png_);
    } else if (has_transparent_color) {
      ::png_set_tRNS_to_alpha(png_);
    } else if (!has_alpha) {
      ::png_set_add_alpha(png_, 0xffff, PNG_FILLER_AFTER);
    }
    if (channels == 1 && !is_grey) ::png_set_rgb_to_gray(png_, PNG_ERROR_ACTION_NONE, red_share, green_share);
    if (channels > 1 && is_grey) ::png_set_gray_to_rgb(png_);
    ::png_set_interlace_handling(png_);
    ::png_read_update_info(png_, info_);
  }

  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    static_cast<Jumping*>(::png_get_error_ptr(png))->jump(message);
  }
  static void on_read(png_structp png, png_bytep to, std::size_t count) {
    std::string_view& rest = static_cast<PngDecoder*>(::png_get_io_ptr(png))->rest_;
    if (count > rest.size()) ::png_error(png, "it ends too early");
    std::memcpy(to, rest.data(), count);
    rest.remove_prefix(count);
  }

  static constexpr double red_share = 0.299, green_share = 0.587;  // of what is seen; the rest is blue (ITU-R BT.601)
  Jumping jumping_;
  std::string_view rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

class PngEncoder {
 public:
  explicit PngEncoder(const std::string& where) : jumping_("PNG", where) {
    png_ = ::png_create_write_struct(
        PNG_LIBPNG_VER_STRING, &jumping_,
        [](png_structp png, png_const_charp message) {
          static_cast<Jumping*>(::png_get_error_ptr(png))->jump(message);
        },
        [](png_structp, png_const_charp) {});
    info_ = png_ ? ::png_create_info_struct(png_) : nullptr;
    if (!info_) {
      ::png_destroy_write_struct(&png_, nullptr);
      throw Error(where, "libpng cannot be set up");
    }
    ::png_set_write_fn(png_, this, on_write, [](png_structp) {});
  }
  PngEncoder(const PngEncoder&) = delete;
  PngEncoder& operator=(const PngEncoder&) = delete;
  ~PngEncoder() { ::png_destroy_write_struct(&png_, &info_); }

  std::string encode(Tensor image) {
    std::vector<std::uint8_t*> rows = rows_of(image);
    const std::int64_t channels = image.shape()[2];
    jumping_.guarded([&] {
      ::png_set_IHDR(png_, info_, static_cast<png_uint_32>(image.shape()[1]),
                     static_cast<png_uint_32>(image.shape()[0]), 8,
                     channels == 1   ? PNG_COLOR_TYPE_GRAY
                     : channels == 3 ? PNG_COLOR_TYPE_RGB
                                     : PNG_COLOR_TYPE_RGB_ALPHA,
                     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
      ::png_write_info(png_, info_);
      ::png_write_image(png_, rows.data());
      ::png_write_end(png_, nullptr);
    });
    return std::move(bytes_);
  }

 private:
  static void on_write(png_structp png, png_bytep from, std::size_t count) {
    static_cast<PngEncoder*>(::png_get_io_ptr(png))->bytes_.append(reinterpret_cast<const char*>(from), count);
  }
  Jumping jumping_;
  std::string bytes_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

Tensor decode_png(std::string_view bytes, int channels, const std::string& where) {
  return PngDecoder(bytes, where).decode(channels);
}

std::string encode_png(const Tensor& image, const std::string& where) { return PngEncoder(where).encode(image); }

}  // namespace strata::data
