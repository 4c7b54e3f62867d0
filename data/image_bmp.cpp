#include <algorithm>
#include <bit>

#include "data/image_codecs.h"

/// BMP without compression, in the forms that Windows and OS/2 write.
namespace strata::data {

namespace {

/// Some bits of a pixel, as 0 to 255.
class Part {
 public:
  explicit Part(std::uint32_t mask = 0)
      : mask_(mask), shift_(mask == 0 ? 0 : std::countr_zero(mask)), most_(mask >> shift_) {}
  bool is_one_run() const { return (most_ & (most_ + 1)) == 0; }
  std::uint8_t of(std::uint32_t pixel, std::uint8_t without) const {
    if (mask_ == 0) return without;
    const std::uint64_t value = (pixel & mask_) >> shift_;
    return static_cast<std::uint8_t>((value * 255 + most_ / 2) / most_);
  }

 private:
  std::uint32_t mask_;
  int shift_;
  std::uint64_t most_;
};

struct Header {
  std::uint64_t width = 0, height = 0;
  bool bottom_up = true;
  std::size_t bits = 0;        ///< of a pixel
  std::array<Part, 4> parts;   ///< red, green, blue, opacity; of pixels of 16 bits or more
  std::vector<Color> palette;  ///< of pixels of 8 bits or fewer
  std::size_t pixels = 0;      ///< where they begin
  std::size_t row_bytes() const { return (width * bits + 31) / 32 * 4; }
};

/// What says how pixels are stored.
enum Compression : std::uint32_t { none = 0, run_lengths_8 = 1, run_lengths_4 = 2, masks = 3, masks_with_opacity = 6 };

std::array<Part, 4> parts_of(std::size_t bits) {
  if (bits == 16) return {Part(0x7c00), Part(0x03e0), Part(0x001f), Part()};
  return {Part(0xff0000), Part(0xff00), Part(0xff), Part(bits == 32 ? 0xff000000 : 0)};
}

void read_masks(ImageBytes& in, Header& h, bool has_opacity) {
  h.parts = {Part(in.u32()), Part(in.u32()), Part(in.u32()), Part(has_opacity ? in.u32() : 0)};
  for (const Part& part : h.parts)
    if (!part.is_one_run()) in.fail("its colours are stored in a way that is not known here");
}

std::vector<Color> read_palette(ImageBytes& in, std::size_t colors, bool padded) {
  std::vector<Color> palette(colors);
  for (Color& color : palette) {
    color.blue = in.u8();
    color.green = in.u8();
    color.red = in.u8();
    if (padded) in.u8();
  }
  return palette;
}

/// The header of a file that began with "BM".
Header read_header(ImageBytes& in, const std::string& where) {
  Header h;
  in.take(10);  // the signature, and what readers do not need
  h.pixels = in.u32();
  const std::size_t begin = in.place(), size = in.u32();
  const bool is_old = size == 12;
  if (!is_old && size < 40) in.fail("its header has " + std::to_string(size) + " bytes");
  const auto width = is_old ? in.u16() : static_cast<std::int32_t>(in.u32());
  const auto height = is_old ? in.u16() : static_cast<std::int32_t>(in.u32());
  if (width < 0) in.fail("its width is negative");
  h.width = static_cast<std::uint64_t>(width);
  h.height = static_cast<std::uint64_t>(height < 0 ? -std::int64_t{height} : height);
  h.bottom_up = height > 0;
  in.take(2);  // planes
  h.bits = in.u16();
  if (h.bits != 1 && h.bits != 4 && h.bits != 8 && h.bits != 16 && h.bits != 24 && h.bits != 32)
    in.fail("its pixels have " + std::to_string(h.bits) + " bits");
  std::uint32_t compression = none;
  std::size_t colors = 0;
  if (!is_old) {
    compression = in.u32();
    in.take(12);  // sizes
    colors = in.u32();
    in.take(4);
  }
  const bool has_masks = compression == masks || compression == masks_with_opacity;
  if (compression != none && !(has_masks && h.bits >= 16))
    throw Error(where, std::string("expected a BMP file without compression; received one ") +
                           (compression == run_lengths_8 || compression == run_lengths_4 ? "compressed by run lengths"
                                                                                         : "of an unknown kind") +
                           ": save it as PNG");
  h.parts = parts_of(h.bits);
  if (has_masks) read_masks(in, h, compression == masks_with_opacity || size >= 56);
  in.go_to(std::max(begin + size, in.place()));
  const std::size_t most_colors = h.bits <= 8 ? std::size_t{1} << h.bits : 0;
  h.palette = read_palette(in, colors == 0 ? most_colors : std::min(colors, most_colors), !is_old);
  return h;
}

/// Pixel x of a row, its lowest byte first; those that share a byte from its highest bits on.
std::uint32_t pixel_of(const std::uint8_t* row, std::size_t x, std::size_t bits) {
  if (bits < 8) {
    const std::size_t per_byte = 8 / bits;
    return row[x / per_byte] >> (8 - bits - x % per_byte * bits) & ((1u << bits) - 1);
  }
  std::uint32_t pixel = 0;
  for (std::size_t i = bits / 8; i-- > 0;) pixel = pixel << 8 | row[x * (bits / 8) + i];
  return pixel;
}

}  // namespace

Tensor decode_bmp(std::string_view bytes, int channels, const std::string& where) {
  ImageBytes in(bytes, "BMP", where);
  const Header h = read_header(in, where);
  check_size(h.height, h.width, where);
  in.go_to(h.pixels);
  const auto* const pixels = reinterpret_cast<const std::uint8_t*>(in.take(h.row_bytes() * h.height).data());
  Tensor image = make_image(h.height, h.width, channels, where);
  const std::vector<std::uint8_t*> rows = rows_of(image);
  for (std::size_t y = 0; y < h.height; ++y) {
    const std::uint8_t* const row = pixels + (h.bottom_up ? h.height - 1 - y : y) * h.row_bytes();
    std::uint8_t* to = rows[y];
    for (std::size_t x = 0; x < h.width; ++x, to += channels) {
      const std::uint32_t pixel = pixel_of(row, x, h.bits);
      if (h.bits <= 8) {
        if (pixel >= h.palette.size()) in.fail("a pixel has a colour that is not in its palette");
        h.palette[pixel].write(to, channels);
      } else {
        Color{h.parts[0].of(pixel, 0), h.parts[1].of(pixel, 0), h.parts[2].of(pixel, 0), h.parts[3].of(pixel, 255)}
            .write(to, channels);
      }
    }
  }
  return image;
}

}  // namespace strata::data
