#include "data/image_decoding.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "data/image_codecs.h"

namespace strata::data {

void check_size(std::uint64_t height, std::uint64_t width, const std::string& where) {
  if (height == 0 || width == 0 || height > most_image_pixels / width)
    fail_expected(where, "an image of 1 to " + std::to_string(most_image_pixels) + " pixels",
                  std::to_string(width) + " x " + std::to_string(height));
}

Tensor make_image(std::uint64_t height, std::uint64_t width, int channels, const std::string& where) {
  check_size(height, width, where);
  return Tensor(DType::u8, {static_cast<std::int64_t>(height), static_cast<std::int64_t>(width), channels}, Device{});
}

std::vector<std::uint8_t*> rows_of(Tensor& image) {
  std::vector<std::uint8_t*> rows;
  const std::int64_t row_bytes = image.shape()[1] * image.shape()[2];
  std::uint8_t* const pixels = image.mutable_data<std::uint8_t>().data();
  for (std::int64_t y = 0; y < image.shape()[0]; ++y) rows.push_back(pixels + y * row_bytes);
  return rows;
}

void Color::write(std::uint8_t* pixel, int channels) const {
  if (channels == 1) {
    pixel[0] = grey();
    return;
  }
  pixel[0] = red;
  pixel[1] = green;
  pixel[2] = blue;
  if (channels == 4) pixel[3] = opacity;
}

Tensor decode_image(std::string_view bytes, int channels, const std::string& where,
                    const std::array<std::int64_t, 2>& at_least) {
  if (channels != 1 && channels != 3 && channels != 4)
    fail_expected(where, "1, 3 or 4 channels to be asked for", std::to_string(channels));
  if (bytes.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, channels, where, at_least);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(bytes, channels, where);
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return decode_gif(bytes, channels, where);
  if (bytes.starts_with("BM")) return decode_bmp(bytes, channels, where);
  throw Error(where, bytes.empty() ? "is empty: expected a JPEG, PNG, GIF or BMP image"
                                   : "expected a JPEG, PNG, GIF or BMP image; its first bytes are those of none");
}

namespace {
/// A file open for reading. Looking up a path costs as much as decoding a very small image, so it is done once.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) fail();
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { ::close(descriptor_); }

  std::uint64_t size() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail();
    return static_cast<std::uint64_t>(status.st_size);
  }
  /// Fewer than `count` bytes at the end of the file only.
  std::size_t read(char* to, std::size_t count) const {
    std::size_t done = 0;
    while (done < count) {
      const ssize_t now = ::read(descriptor_, to + done, count - done);
      if (now < 0 && errno == EINTR) continue;
      if (now < 0) fail();
      if (now == 0) break;
      done += static_cast<std::size_t>(now);
    }
    return done;
  }

 private:
  [[noreturn]] void fail() const { throw Error(path_, "cannot be read: " + std::generic_category().message(errno)); }
  const std::string& path_;
  const int descriptor_;
};
}  // namespace

std::string read_image_file(const std::string& path) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 29;
  const OpenFile file(path);
  const std::uint64_t size = file.size();
  if (size > most_bytes)
    fail_expected(path, "an image file of at most " + std::to_string(most_bytes) + " bytes", std::to_string(size));
  std::string content(size, '\0');
  content.resize(file.read(content.data(), size));
  return content;
}

}  // namespace strata::data
