#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace strata::data {

using Bytes = std::vector<std::byte>;

/// The content of a file, decompressed if it is gzip (by its first bytes, not its name).
class GzipReader {
 public:
  /// Error when the file cannot be opened.
  explicit GzipReader(const std::filesystem::path& file);
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;
  ~GzipReader();

  /// Fills `to`, or less at the end of the content; the number of bytes. Error naming the file when the compressed
  /// data is truncated or corrupt (its CRC included).
  std::size_t read(std::span<std::byte> to);
  const std::string& name() const { return name_; }

 private:
  struct State;
  std::string name_;
  std::unique_ptr<State> state_;
};

/// The whole content; error when it is more than `limit` bytes, before it is held in memory.
Bytes read_content(const std::filesystem::path& file, std::size_t limit);

/// Walks a tar archive (the ustar header of POSIX.1, and what GNU and pax add to it). For each regular file `wanted` gets its name
/// and size and returns where to put the content: an empty span skips it, one of another size than the file's is an
/// error. Truncated archives and headers with a wrong checksum are errors that name the archive.
void walk_tar(GzipReader& archive,
              const std::function<std::span<std::byte>(const std::string& name, std::uint64_t size)>& wanted);

}  // namespace strata::data
