#include "models/tensorboard/png.h"

#include <zlib.h>

#include "core/base/error.h"

namespace strata::tensorboard {

namespace {
/// PNG stores numbers with the highest byte first.
void append_number(std::string& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(v >> shift & 0xff);
}

void append_chunk(std::string& out, const std::string& kind, const std::string& data) {
  append_number(out, static_cast<std::uint32_t>(data.size()));
  const std::string body = kind + data;
  out += body;
  append_number(out, static_cast<std::uint32_t>(
                         ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()))));
}
}  // namespace

// The layout: W3C, Portable Network Graphics (third edition).
std::string grey_png(std::span<const std::uint8_t> pixels, std::int64_t height, std::int64_t width) {
  std::string rows;
  for (std::int64_t y = 0; y < height; ++y) {
    rows += '\0';  // the row is not filtered
    rows.append(reinterpret_cast<const char*>(pixels.data()) + y * width, static_cast<std::size_t>(width));
  }
  uLongf size = ::compressBound(static_cast<uLong>(rows.size()));
  std::string data(size, '\0');
  if (::compress(reinterpret_cast<Bytef*>(data.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
                 static_cast<uLong>(rows.size())) != Z_OK)
    throw Error("PNG", "zlib could not compress an image");
  data.resize(size);
  std::string header;
  append_number(header, static_cast<std::uint32_t>(width));
  append_number(header, static_cast<std::uint32_t>(height));
  header += std::string("\x08\0\0\0\0", 5);  // 8 bits, grey, and the only methods there are; not interlaced
  std::string png = "\x89PNG\r\n\x1a\n";
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", data);
  append_chunk(png, "IEND", "");
  return png;
}

}  // namespace strata::tensorboard
