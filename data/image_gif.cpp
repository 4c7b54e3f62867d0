#include <algorithm>

#include "data/image_codecs.h"

/// The first picture of a GIF file, by the GIF89a specification (CompuServe, 1990).
namespace strata::data {

namespace {

using Palette = std::vector<Color>;

Palette read_palette(ImageBytes& in, int flags) {
  Palette palette(std::size_t{2} << (flags & 7));
  for (Color& color : palette) {
    color.red = in.u8();
    color.green = in.u8();
    color.blue = in.u8();
  }
  return palette;
}

void skip_blocks(ImageBytes& in) {
  while (const std::uint8_t size = in.u8()) in.take(size);
}

/// The codes of variable length in a chain of blocks.
class Codes {
 public:
  explicit Codes(ImageBytes& in) : in_(in) {}
  int next(int bits) {
    while (held_ < bits) {
      pending_ |= static_cast<std::uint32_t>(byte()) << held_;
      held_ += 8;
    }
    const auto code = static_cast<int>(pending_ & ((1u << bits) - 1));
    pending_ >>= bits;
    held_ -= bits;
    return code;
  }
  /// Goes behind the chain.
  void finish() {
    in_.take(static_cast<std::size_t>(left_));
    skip_blocks(in_);
  }

 private:
  std::uint8_t byte() {
    if (left_ == 0) left_ = in_.u8();
    if (left_ == 0) in_.fail("its pixels end too early");
    --left_;
    return in_.u8();
  }
  ImageBytes& in_;
  std::uint32_t pending_ = 0;
  int held_ = 0, left_ = 0;
};

/// `count` pixels, compressed as Lempel, Ziv and Welch: each code is a pixel or an earlier code's pixels and one more.
std::vector<std::uint8_t> read_pixels(ImageBytes& in, std::size_t count) {
  constexpr int most_codes = 4096;
  const int pixel_bits = in.u8();
  if (pixel_bits < 2 || pixel_bits > 8) in.fail("its pixels have " + std::to_string(pixel_bits) + " bits");
  const int clear = 1 << pixel_bits, end = clear + 1;
  std::array<std::uint16_t, most_codes> earlier;
  std::array<std::uint8_t, most_codes> last;
  Codes codes(in);
  std::vector<std::uint8_t> pixels;
  int known = end + 1, bits = pixel_bits + 1, previous = -1;
  while (pixels.size() < count) {
    const int code = codes.next(bits);
    if (code == clear) {
      known = end + 1;
      bits = pixel_bits + 1;
      previous = -1;
      continue;
    }
    if (code == end) in.fail("its pixels end too early");
    if (code > known || (previous < 0 && code > clear)) in.fail("its pixels hold a code that nothing stands for");
    // A code that is only being defined begins as the one before it, and ends with its first pixel.
    const bool is_new = code == known;
    const std::size_t start = pixels.size();
    if (is_new) pixels.push_back(0);
    int c = is_new ? previous : code;
    for (; c > end; c = earlier[static_cast<std::size_t>(c)]) pixels.push_back(last[static_cast<std::size_t>(c)]);
    const auto first = static_cast<std::uint8_t>(c);
    pixels.push_back(first);
    if (is_new) pixels[start] = first;
    std::reverse(pixels.begin() + static_cast<std::ptrdiff_t>(start), pixels.end());
    if (previous >= 0 && known < most_codes) {
      earlier[static_cast<std::size_t>(known)] = static_cast<std::uint16_t>(previous);
      last[static_cast<std::size_t>(known)] = first;
      if (++known == 1 << bits && bits < 12) ++bits;
    }
    previous = code;
  }
  codes.finish();
  pixels.resize(count);
  return pixels;
}

/// In which order an interlaced picture holds its rows: every eighth, those between, and so on.
std::vector<std::size_t> row_order(std::size_t height, bool interlaced) {
  std::vector<std::size_t> rows;
  const auto add = [&](std::size_t first, std::size_t step) {
    for (std::size_t y = first; y < height; y += step) rows.push_back(y);
  };
  if (!interlaced) {
    add(0, 1);
    return rows;
  }
  add(0, 8);
  add(4, 8);
  add(2, 4);
  add(1, 2);
  return rows;
}

struct Canvas {
  std::size_t width, height;
  Palette palette;
  int transparent = -1;  ///< number of a colour
};

/// What follows the byte that announces a picture.
Tensor read_picture(ImageBytes& in, Canvas canvas, int channels, const std::string& where) {
  const std::size_t left = in.u16(), top = in.u16(), width = in.u16(), height = in.u16();
  const int flags = in.u8();
  if (flags & 0x80) canvas.palette = read_palette(in, flags);
  if (canvas.palette.empty()) in.fail("it has no palette");
  const std::size_t full_height = std::max(canvas.height, top + height),
                    full_width = std::max(canvas.width, left + width);
  check_size(full_height, full_width, where);
  const std::vector<std::uint8_t> pixels = read_pixels(in, width * height);
  Tensor image = make_image(full_height, full_width, channels, where);
  std::ranges::fill(image.mutable_data<std::uint8_t>(), std::uint8_t{0});
  const std::vector<std::uint8_t*> rows = rows_of(image);
  const std::uint8_t* pixel = pixels.data();
  for (const std::size_t y : row_order(height, (flags & 0x40) != 0))
    for (std::size_t x = 0; x < width; ++x, ++pixel) {
      if (*pixel == canvas.transparent) continue;
      if (*pixel >= canvas.palette.size()) in.fail("a pixel has a colour that is not in its palette");
      canvas.palette[*pixel].write(rows[top + y] + (left + x) * static_cast<std::size_t>(channels), channels);
    }
  return image;
}

}  // namespace

Tensor decode_gif(std::string_view bytes, int channels, const std::string& where) {
  enum Block : std::uint8_t { extension = 0x21, picture = 0x2c, graphic_control = 0xf9 };
  ImageBytes in(bytes, "GIF", where);
  in.take(6);  // the signature
  Canvas canvas{in.u16(), in.u16(), {}};
  const int flags = in.u8();
  in.take(2);  // background and aspect ratio, which nobody heeds
  if (flags & 0x80) canvas.palette = read_palette(in, flags);
  for (;;) switch (in.u8()) {
      case extension:
        if (in.u8() == graphic_control && in.u8() == 4) {
          const bool has_transparent_color = (in.u8() & 1) != 0;
          in.take(2);  // how long it is shown
          const int color = in.u8();
          canvas.transparent = has_transparent_color ? color : -1;
        }
        skip_blocks(in);
        break;
      case picture:
        return read_picture(in, std::move(canvas), channels, where);
      default:
        in.fail("it holds no picture");
    }
}

}  // namespace strata::data
