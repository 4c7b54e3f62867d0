#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// Looking for files in several places, one after the other: what data sets and published weights have in common.
namespace strata::data {

/// An environment variable that is set and not empty.
std::optional<std::string> environment(const char* name);
/// $KERAS_HOME, or ~/.keras; nothing when neither is known.
std::optional<std::filesystem::path> keras_home();
/// $XDG_CACHE_HOME/strata, or ~/.cache/strata; nothing when neither is known.
std::optional<std::filesystem::path> own_cache();
/// Why own_cache() is nothing.
inline constexpr const char* no_own_cache = "neither XDG_CACHE_HOME nor HOME is set";
inline constexpr const char* no_keras_home = "neither KERAS_HOME nor HOME is set";
/// Whether STRATA_OFFLINE forbids the network.
bool offline();

/// What was tried and why it failed, for the one error at the end.
class Attempts {
 public:
  void add(const std::string& place, const std::string& reason);
  /// A numbered line for each.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int count_ = 0;
};

/// A file to download: its name, the addresses that hold it, and what must be true of it.
struct RemoteFile {
  std::string name;
  std::vector<std::string> urls;
  /// Throws what is wrong with a downloaded file.
  std::function<void(const std::filesystem::path&)> verify;
};

/// `urls`, or, when the environment variable names a mirror, the file's place there instead.
std::vector<std::string> or_mirror(const char* variable, const std::string& place, std::vector<std::string> urls);
/// The file in `folder`, which is one of our caches: what is there and good, else from the first address that gives it.
/// Error with the reason of each address.
std::filesystem::path fetch_into(const std::filesystem::path& folder, const RemoteFile& file, bool quiet);

}  // namespace strata::data
