#include "data/image_decoding.h"

// jpeglib.h needs FILE and size_t, and says so nowhere.
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "core/base/error.h"

namespace strata::data {

namespace {

/// What both libraries share: they report an error by a function that must not return, so it jumps out of them.
class Jumping {
 public:
  explicit Jumping(const char* format, std::string where) : format_(format), where_(std::move(where)) {}

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
  char message_[JMSG_LENGTH_MAX] = "";
  const char* format_;
  std::string where_;
};

/// Memory for the pixels, once the header said how many there are.
Tensor make_image(std::uint64_t height, std::uint64_t width, int channels, const std::string& where) {
  if (height == 0 || width == 0 || height > most_image_pixels / width)
    fail_expected(where, "an image of 1 to " + std::to_string(most_image_pixels) + " pixels",
                  std::to_string(width) + " x " + std::to_string(height));
  return Tensor(DType::u8, {static_cast<std::int64_t>(height), static_cast<std::int64_t>(width), channels}, Device{});
}

std::vector<std::uint8_t*> rows_of(Tensor& image) {
  std::vector<std::uint8_t*> rows;
  const std::int64_t row_bytes = image.shape()[1] * image.shape()[2];
  std::uint8_t* const pixels = image.mutable_data<std::uint8_t>().data();
  for (std::int64_t y = 0; y < image.shape()[0]; ++y) rows.push_back(pixels + y * row_bytes);
  return rows;
}

// ---- JPEG

class JpegDecoder {
 public:
  explicit JpegDecoder(const std::string& where) : jumping_("JPEG", where) {
    info_.err = ::jpeg_std_error(&errors_);
    info_.client_data = &jumping_;
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    jumping_.guarded([&] { jpeg_create_decompress(&info_); });
    progress_.progress_monitor = on_progress;
    info_.progress = &progress_;
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  ~JpegDecoder() { ::jpeg_destroy_decompress(&info_); }

  Tensor decode(std::string_view bytes, int channels) {
    jumping_.guarded([&] {
      ::jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      ::jpeg_read_header(&info_, TRUE);
    });
    check_colors(channels);
    Tensor image = make_image(info_.image_height, info_.image_width, channels, jumping_.where());
    std::vector<std::uint8_t*> rows = rows_of(image);
    jumping_.guarded([&] {
      info_.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
      info_.dct_method =
          JDCT_IFAST;  // TensorFlow's choice: up to 4 levels from the exact transform, which models there learn
      ::jpeg_start_decompress(&info_);
      while (info_.output_scanline < info_.output_height)
        ::jpeg_read_scanlines(&info_, &rows[info_.output_scanline], info_.output_height - info_.output_scanline);
      ::jpeg_finish_decompress(&info_);
    });
    return image;
  }

 private:
  void check_colors(int channels) const {
    if (channels == 4)
      throw Error(jumping_.where(),
                  "a JPEG file holds no transparency: expected 1 or 3 channels to be asked for; received 4");
    const J_COLOR_SPACE space = info_.jpeg_color_space;
    if (space != JCS_GRAYSCALE && space != JCS_RGB && space != JCS_YCbCr)
      throw Error(
          jumping_.where(),
          "expected a JPEG file in grey or in colours; received one in colours for print (CMYK) or unknown ones");
  }

  static Jumping& jumping(j_common_ptr info) { return *static_cast<Jumping*>(info->client_data); }

  static void on_error(j_common_ptr info) {
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    jumping(info).jump(message);
  }
  // Negative levels are warnings: libjpeg goes on with pixels that it makes up. Superfluous bytes between two parts of
  // the file harm nothing, and some cameras write them.
  static void on_message(j_common_ptr info, int level) {
    if (level < 0 && info->err->msg_code != JWRN_EXTRANEOUS_DATA) on_error(info);
  }
  // A small progressive file can ask for any number of passes over a large image.
  static void on_progress(j_common_ptr info) {
    constexpr int most_scans = 500;
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > most_scans)
      jumping(info).jump("it has more than 500 scans");
  }

  Jumping jumping_;
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct info_{};
};

// ---- PNG

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

}  // namespace

Tensor decode_image(std::string_view bytes, int channels, const std::string& where) {
  if (channels != 1 && channels != 3 && channels != 4)
    fail_expected(where, "1, 3 or 4 channels to be asked for", std::to_string(channels));
  if (bytes.starts_with("\xff\xd8\xff")) return JpegDecoder(where).decode(bytes, channels);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return PngDecoder(bytes, where).decode(channels);
  throw Error(where, bytes.empty() ? "is empty: expected a JPEG or PNG image"
                                   : "expected a JPEG or PNG image; its first bytes are those of neither");
}

}  // namespace strata::data
