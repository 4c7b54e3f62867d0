#include "data/search.h"

#include <cstdlib>

#include "core/base/error.h"
#include "data/download.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {
// $variable, or a folder in the home folder; nothing when neither is known.
std::optional<fs::path> home_folder(const char* variable, const char* fallback) {
  if (const auto value = environment(variable)) return fs::path(*value);
  if (const auto home = environment("HOME")) return fs::path(*home) / fallback;
  return std::nullopt;
}
}  // namespace

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::optional<fs::path> keras_home() { return home_folder("KERAS_HOME", ".keras"); }

std::optional<fs::path> own_cache() {
  const auto base = home_folder("XDG_CACHE_HOME", ".cache");
  return base ? std::optional(*base / "strata") : std::nullopt;
}

bool offline() {
  const auto value = environment("STRATA_OFFLINE");
  return value && *value != "0";
}

void Attempts::add(const std::string& place, const std::string& reason) {
  text_ += "\n  " + std::to_string(++count_) + ". " + place + ": " + reason;
}

std::vector<std::string> or_mirror(const char* variable, const std::string& place, std::vector<std::string> urls) {
  auto mirror = environment(variable);
  if (!mirror) return urls;
  while (mirror->ends_with('/')) mirror->pop_back();
  return {*mirror + "/" + place};
}

fs::path fetch_into(const fs::path& folder, const RemoteFile& file, bool quiet) {
  std::error_code ignored;
  fs::path target = folder / file.name;
  if (fs::exists(target, ignored)) {
    try {
      file.verify(target);
      return target;
    } catch (const Error&) {
      fs::remove(target, ignored);  // our own cache: the caller has reported it as damaged
    }
  }
  DownloadOptions options;
  options.quiet = quiet;
  std::string reasons;
  for (const std::string& url : file.urls) {
    try {
      download(url, target, file.verify, options);
      return target;
    } catch (const Error& e) {
      reasons += (reasons.empty() ? "" : "; ") + std::string(e.what());
    }
  }
  throw Error(reasons);
}

}  // namespace strata::data
