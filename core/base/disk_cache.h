#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace strata {

/// Results that are worth keeping between runs and can be had again at any time: compiled kernels, chosen algorithms.
/// They lie in $STRATA_CACHE_DIR, or $XDG_CACHE_HOME/strata, or ~/.cache/strata, one file each, and may be deleted at
/// will. Any number of threads and processes may use one cache. No state of the disk is an error: a file that is
/// damaged counts as absent, and what cannot be written is not kept.
class DiskCache {
 public:
  /// `kind` is the folder: "kernels". With no home at all nothing is kept. Where the folder's files have come to more
  /// than `limit` bytes, those go that were not asked for longest. One put in sixteen looks, so they may come to more
  /// for a while. Files that others have put there are left alone.
  explicit DiskCache(std::string_view kind, std::uintmax_t limit = std::uintmax_t{256} << 20);

  /// Empty when there is nowhere to keep anything.
  const std::filesystem::path& folder() const { return folder_; }
  /// What was last put under this key, of any length and content.
  std::optional<std::string> find(std::string_view key) const;
  void put(std::string_view key, std::string_view content) const;

 private:
  std::filesystem::path file_of(std::string_view key) const;
  void trim() const;

  std::filesystem::path folder_;
  std::uintmax_t limit_;
};

/// A 64-bit fingerprint of a text (FNV-1a). Not secret, not safe from intent.
std::uint64_t fingerprint(std::string_view text);

}  // namespace strata
