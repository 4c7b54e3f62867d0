#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "core/base/export.h"

namespace strata {

/// A file that appears whole or not at all. It is written under a temporary name in the same folder and renamed by
/// commit(); until then, and after a kill or a full disk, what the target held before is untouched. Without a commit
/// the temporary file is removed. A target that is a symbolic link stays one: the file it leads to is replaced
/// (one that leads nowhere is an error).
class STRATA_API AtomicFile {
 public:
  /// Creates the temporary file. Error naming the target when its folder is missing or cannot be written.
  explicit AtomicFile(const std::filesystem::path& target);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// For writers that open files by name.
  const std::filesystem::path& temporary() const { return temporary_; }
  /// Appends. Error naming the target.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Brings everything to the disk, then renames. Error naming the target; nothing has changed then.
  void commit();

 private:
  [[noreturn]] void fail(std::string_view what, int error) const;
  std::filesystem::path target_, temporary_;
  int fd_ = -1;
  bool committed_ = false;
};

}  // namespace strata
