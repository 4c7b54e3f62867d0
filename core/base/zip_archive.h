#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/module.h"

namespace strata {

/// A zip archive. Errors name the archive and the member.
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
  static std::unique_ptr<ZipReader> open(const std::filesystem::path& file);
  virtual ~ZipReader() = default;

  /// In the order of the archive.
  virtual const std::vector<Member>& members() const = 0;
  bool contains(std::string_view member) const;
  /// The whole content. Error when it is damaged, larger than `limit`, or beyond the limits above.
  virtual std::string read(std::string_view member, std::uint64_t limit) const = 0;
};

/// One member of an archive to be written. The content must outlive the writing.
struct ZipContent {
  std::string name;
  std::string_view content;
};

/// Writes an archive of stored (not compressed) members, dated 1980-01-01, in place of `file`, which must exist or be
/// creatable; the same content gives the same bytes. Error when that fails (full disk).
void write_zip(const std::filesystem::path& file, const std::vector<ZipContent>& members);

/// The module with libzip, its only use.
class ZipModule : public Module {
 public:
  static constexpr std::string_view module_name = "zip";
  virtual std::unique_ptr<ZipReader> open(const std::filesystem::path& file) const = 0;
  virtual void write(const std::filesystem::path& file, const std::vector<ZipContent>& members) const = 0;
};

}  // namespace strata
