#include "data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace strata::data {

struct GzipReader::State {
  struct Close {
    void operator()(gzFile_s* p) const { gzclose_r(p); }
  };
  std::unique_ptr<gzFile_s, Close> file;
};

GzipReader::GzipReader(const std::filesystem::path& file) : name_(file.string()), state_(std::make_unique<State>()) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) throw Error(name_, "expected a file; received a folder");
  state_->file.reset(gzopen(file.c_str(), "rb"));
  if (!state_->file) throw Error(name_, std::string("cannot be opened: ") + std::strerror(errno));
  gzbuffer(state_->file.get(), 1u << 17);
}

GzipReader::~GzipReader() = default;

std::size_t GzipReader::read(std::span<std::byte> to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const auto want = static_cast<unsigned>(std::min<std::size_t>(to.size() - done, 1u << 30));
    const int count = gzread(state_->file.get(), to.data() + done, want);
    int status = Z_OK;
    const char* text = gzerror(state_->file.get(), &status);
    if (status == Z_ERRNO) throw Error(name_, std::string("cannot be read: ") + std::strerror(errno));
    if (status == Z_BUF_ERROR) throw Error(name_, "is truncated: the compressed data ends too early");
    if (count < 0 || status < 0) throw Error(name_, std::string("is not valid gzip data: ") + text);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Bytes read_content(const std::filesystem::path& file, std::size_t limit) {
  GzipReader reader(file);
  Bytes content;
  constexpr std::size_t step = std::size_t{1} << 20;
  for (;;) {
    const std::size_t have = content.size(), want = std::min(step, limit + 1 - have);
    content.resize(have + want);
    const std::size_t got = reader.read({content.data() + have, want});
    content.resize(have + got);
    if (content.size() > limit)
      throw Error(reader.name(), "expected at most " + std::to_string(limit) + " bytes of content; received more");
    if (got < want) return content;
  }
}

namespace {

constexpr std::size_t block_size = 512;
using Block = std::array<std::byte, block_size>;

std::string text_field(const Block& header, std::size_t offset, std::size_t length) {
  const char* first = reinterpret_cast<const char*>(header.data()) + offset;
  return {first, std::find(first, first + length, '\0')};
}

std::uint64_t octal_field(const Block& header, std::size_t offset, std::size_t length, const std::string& archive) {
  std::uint64_t value = 0;
  bool any = false;
  for (const char c : text_field(header, offset, length)) {
    if (c == ' ') {
      if (any) break;
      continue;
    }
    if (c < '0' || c > '7') throw Error(archive, "is not a tar archive this reader knows: a number is not octal");
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
    any = true;
  }
  return value;
}

// The header's checksum counts its own eight bytes as spaces.
void check_header(const Block& header, const std::string& archive) {
  std::uint64_t sum = 8 * ' ';
  for (std::size_t i = 0; i < block_size; ++i)
    if (i < 148 || i >= 156) sum += std::to_integer<std::uint64_t>(header[i]);
  if (sum != octal_field(header, 148, 8, archive))
    throw Error(archive, "is not a tar archive, or damaged: a header's checksum is wrong");
}

void read_exactly(GzipReader& archive, std::span<std::byte> to) {
  if (archive.read(to) != to.size()) throw Error(archive.name(), "is truncated: the archive ends within a file");
}

void skip(GzipReader& archive, std::uint64_t count) {
  Bytes sink(std::min<std::uint64_t>(count, std::uint64_t{1} << 16));
  for (; count > 0; count -= sink.size()) {
    sink.resize(std::min<std::uint64_t>(count, sink.size()));
    read_exactly(archive, sink);
  }
}

}  // namespace

void walk_tar(GzipReader& archive,
              const std::function<std::span<std::byte>(const std::string& name, std::uint64_t size)>& wanted) {
  Block header;
  for (;;) {
    read_exactly(archive, header);
    if (std::ranges::all_of(header, [](std::byte b) { return b == std::byte{0}; })) return;
    check_header(header, archive.name());
    const std::uint64_t size = octal_field(header, 124, 12, archive.name());
    const char type = static_cast<char>(header[156]);
    std::span<std::byte> to;
    if (type == '0' || type == '\0') {
      const std::string prefix = text_field(header, 257, 5) == "ustar" ? text_field(header, 345, 155) : std::string();
      const std::string name = text_field(header, 0, 100);
      to = wanted(prefix.empty() ? name : prefix + "/" + name, size);
      if (!to.empty() && to.size() != size)
        throw Error(archive.name(), "expected " + std::to_string(to.size()) + " bytes in " + name + "; received " +
                                        std::to_string(size));
    }
    if (to.empty())
      skip(archive, size);
    else
      read_exactly(archive, to);
    skip(archive, (block_size - size % block_size) % block_size);
  }
}

}  // namespace strata::data
