// HDF5 1.10 trusts the sizes inside the collections that hold variable-length texts, and crashes on a damaged one. So
// the collections of a file are checked before the first such text is read.
//
// Layout ("HDF5 File Format Specification", III.E): "GCOL", version 1, three zero bytes, the collection's size; then
// objects of a 16-byte header (index, references, four reserved bytes, size) and content padded to 8 bytes. Index 0 is
// the free space at the end. Numbers are little endian.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "core/base/error.h"
#include "models/saving/hdf5_impl.h"

namespace strata::hdf5 {

namespace {

// The bytes of a file; empty when it cannot be mapped.
class Mapping {
 public:
  explicit Mapping(const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat info;
    if (::fstat(fd, &info) == 0 && info.st_size > 0) {
      size_ = static_cast<std::size_t>(info.st_size);
      void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
      if (at != MAP_FAILED) data_ = static_cast<const char*>(at);
    }
    ::close(fd);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data_) ::munmap(const_cast<char*>(data_), size_);
  }
  std::string_view bytes() const { return data_ ? std::string_view(data_, size_) : std::string_view(); }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

std::uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// Whether the objects of the collection that `from` begins with lie within it, and it within the file.
bool is_sound(std::string_view from) {
  constexpr std::size_t header = 16;
  if (from.size() < header) return false;
  const std::uint64_t size = little_endian(from, 8, 8);
  if (size < header || size > from.size()) return false;
  for (std::uint64_t at = header; at + header <= size;) {
    const bool free_space = little_endian(from, at, 2) == 0;
    const std::uint64_t content = little_endian(from, at + 8, 8), room = size - at;
    if (free_space) return content <= room;
    if (content > room - header) return false;
    at += header + (content + 7) / 8 * 8;
  }
  return true;
}

}  // namespace

void File::check_text_heaps() const {
  if (heaps_checked_) return;
  const Mapping file_content(content_.empty() ? name_ : "");
  const std::string_view bytes_in_file = content_.empty() ? file_content.bytes() : std::string_view(content_);
  constexpr std::string_view signature("GCOL\1\0\0\0", 8);
  for (std::size_t at = bytes_in_file.find(signature); at != std::string_view::npos;
       at = bytes_in_file.find(signature, at + signature.size()))
    if (!is_sound(bytes_in_file.substr(at)))
      throw Error(name_, "is damaged: the texts at byte " + std::to_string(at) + " do not fit their place");
  heaps_checked_ = true;
}

}  // namespace strata::hdf5
