#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/export.h"

namespace strata {

/// A zip archive, the only use of libzip in the library. Errors name the archive and the member.
///
/// Reading does not trust the file: names that are absolute, hold ".." or a backslash, or come twice, are
/// refused when the archive is opened; so are encrypted members and methods other than "stored" and "deflated" when
/// they are read. Nothing is ever unpacked to the disk. Checksums are verified.
class STRATA_API ZipReader {
 public:
  /// Beyond this size a member may hold at most `most_inflated` times the bytes that it takes in the archive: what a
  /// small file can make a program allocate is bounded.
  static constexpr std::uint64_t always_allowed = std::uint64_t{64} << 20;
  static constexpr std::uint64_t most_inflated = 100;
  static constexpr std::uint64_t most_members = 100'000;

  struct Member {
    std::string name;
    std::uint64_t size;  ///< of the content
  };

  /// Error when the file is missing or no zip archive.
  explicit ZipReader(const std::filesystem::path& file);
  ZipReader(ZipReader&&) noexcept;
  ZipReader& operator=(ZipReader&&) noexcept;
  ~ZipReader();

  /// In the order of the archive.
  const std::vector<Member>& members() const;
  bool contains(std::string_view member) const;
  /// The whole content. Error when it is damaged, larger than `limit`, or beyond the limits above.
  std::string read(std::string_view member, std::uint64_t limit) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One member of an archive to be written. The content must outlive the writing.
struct ZipContent {
  std::string name;
  std::string_view content;
};

/// Writes an archive of stored (not compressed) members, dated 1980-01-01, in place of `file`, which must exist or be
/// creatable; the same content gives the same bytes. Error when that fails (full disk).
void write_zip(const std::filesystem::path& file, const std::vector<ZipContent>& members);

}  // namespace strata
