#include "data/image_codecs.h"

// jpeglib.h needs FILE and size_t, and says so nowhere.
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include <cstdlib>
#include <memory>

/// JPEG; the only use of libjpeg.
namespace strata::data {

namespace {

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

  Tensor decode(std::string_view bytes, int channels, const std::array<std::int64_t, 2>& at_least) {
    jumping_.guarded([&] {
      ::jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      ::jpeg_read_header(&info_, TRUE);
    });
    check_colors(channels);
    check_size(info_.image_height, info_.image_width, jumping_.where());
    const bool is_cmyk = info_.num_components == 4;
    jumping_.guarded([&] {
      info_.out_color_space = is_cmyk ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
      // TensorFlow's choice: up to 4 levels from the exact transform, which models there learn.
      info_.dct_method = JDCT_IFAST;
      choose_scale(at_least);
      ::jpeg_start_decompress(&info_);
    });
    Tensor image = make_image(info_.output_height, info_.output_width, is_cmyk ? 4 : channels, jumping_.where());
    std::vector<std::uint8_t*> rows = rows_of(image);
    jumping_.guarded([&] {
      while (info_.output_scanline < info_.output_height)
        ::jpeg_read_scanlines(&info_, &rows[info_.output_scanline], info_.output_height - info_.output_scanline);
      ::jpeg_finish_decompress(&info_);
    });
    return is_cmyk ? without_black(image, channels) : image;
  }

 private:
  void check_colors(int channels) const {
    if (channels == 4)
      throw Error(jumping_.where(),
                  "a JPEG file holds no transparency: expected 1 or 3 channels to be asked for; received 4");
    const J_COLOR_SPACE space = info_.jpeg_color_space;
    const bool known =
        space == JCS_GRAYSCALE || space == JCS_RGB || space == JCS_YCbCr || space == JCS_CMYK || space == JCS_YCCK;
    if (!known)
      throw Error(jumping_.where(),
                  "expected a JPEG file in grey, RGB or CMYK; received one in colours that are not known");
  }

  /// Decoding at 1, 2 or 4 eighths has fast transforms of its own.
  void choose_scale(const std::array<std::int64_t, 2>& at_least) {
    if (at_least[0] < 1 || at_least[1] < 1) return;
    const auto fits = [&](std::int64_t eighths) {
      return info_.image_height * eighths >= 8 * at_least[0] && info_.image_width * eighths >= 8 * at_least[1];
    };
    info_.scale_denom = 8;
    for (info_.scale_num = 1; info_.scale_num < 8 && !fits(info_.scale_num);) info_.scale_num *= 2;
  }

  /// CMYK as RGB or grey. Adobe's programs, which say so in the file, store inks inverted: 255 is none.
  Tensor without_black(const Tensor& cmyk, int channels) const {
    Tensor image = make_image(info_.output_height, info_.output_width, channels, jumping_.where());
    std::uint8_t* to = image.mutable_data<std::uint8_t>().data();
    const auto inks = cmyk.data<std::uint8_t>();
    const auto light = [inverted = info_.saw_Adobe_marker != 0](int ink) { return inverted ? ink : 255 - ink; };
    for (std::size_t i = 0; i < inks.size(); i += 4, to += channels) {
      const int black = light(inks[i + 3]);
      const auto mixed = [&](int ink) { return static_cast<std::uint8_t>(light(ink) * black / 255); };
      Color{mixed(inks[i]), mixed(inks[i + 1]), mixed(inks[i + 2])}.write(to, channels);
    }
    return image;
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

class JpegEncoder {
 public:
  explicit JpegEncoder(const std::string& where) : jumping_("JPEG", where) {
    info_.err = ::jpeg_std_error(&errors_);
    info_.client_data = &jumping_;
    errors_.error_exit = [](j_common_ptr info) {
      char message[JMSG_LENGTH_MAX];
      info->err->format_message(info, message);
      static_cast<Jumping*>(info->client_data)->jump(message);
    };
    jumping_.guarded([&] { jpeg_create_compress(&info_); });
  }
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;
  ~JpegEncoder() {
    ::jpeg_destroy_compress(&info_);
    std::free(bytes_);
  }

  std::string encode(Tensor image, int quality) {
    std::vector<std::uint8_t*> rows = rows_of(image);
    const auto channels = static_cast<int>(image.shape()[2]);
    jumping_.guarded([&] {
      ::jpeg_mem_dest(&info_, &bytes_, &size_);
      info_.image_height = static_cast<JDIMENSION>(image.shape()[0]);
      info_.image_width = static_cast<JDIMENSION>(image.shape()[1]);
      info_.input_components = channels;
      info_.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
      ::jpeg_set_defaults(&info_);
      ::jpeg_set_quality(&info_, quality, TRUE);
      ::jpeg_start_compress(&info_, TRUE);
      ::jpeg_write_scanlines(&info_, rows.data(), info_.image_height);
      ::jpeg_finish_compress(&info_);
    });
    return {reinterpret_cast<const char*>(bytes_), size_};
  }

 private:
  Jumping jumping_;
  jpeg_error_mgr errors_{};
  jpeg_compress_struct info_{};
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

Tensor decode_jpeg(std::string_view bytes, int channels, const std::string& where,
                   const std::array<std::int64_t, 2>& at_least) {
  return JpegDecoder(where).decode(bytes, channels, at_least);
}

std::string encode_jpeg(const Tensor& image, int quality, const std::string& where) {
  return JpegEncoder(where).encode(image, quality);
}

}  // namespace strata::data
