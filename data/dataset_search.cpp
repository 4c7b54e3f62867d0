#include "data/dataset_search.h"

#include <dlfcn.h>

#include <cstdlib>
#include <optional>

#include "core/base/error.h"
#include "data/download.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

// A variable that is set and not empty.
std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value || *value == '\0') return std::nullopt;
  return std::string(value);
}

// $variable, or a folder in the home folder; nothing when neither is known.
std::optional<fs::path> home_folder(const char* variable, const char* fallback) {
  if (const auto value = environment(variable)) return fs::path(*value);
  if (const auto home = environment("HOME")) return fs::path(*home) / fallback;
  return std::nullopt;
}

std::optional<fs::path> own_cache() {
  const auto base = home_folder("XDG_CACHE_HOME", ".cache");
  return base ? std::optional(*base / "strata" / "datasets") : std::nullopt;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// share/strata/data of the prefix that this library is installed in. The library may lie several folders below the
// prefix: lib/, lib/x86_64-linux-gnu/, lib/glibc-hwcaps/x86-64-v3/.
std::optional<fs::path> installed_data() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&installed_data), &info) == 0 || !info.dli_fname) return std::nullopt;
  std::error_code status;
  fs::path folder = fs::canonical(info.dli_fname, status).parent_path();
  for (int up = 0; !status && up < 5 && folder.has_relative_path(); ++up, folder = folder.parent_path())
    if (is_folder(folder / "share" / "strata" / "data")) return folder / "share" / "strata" / "data";
  return std::nullopt;
}

// What was tried and why it failed, for the one error at the end.
class Attempts {
 public:
  void add(const std::string& place, const std::string& reason) {
    text_ += "\n  " + std::to_string(++count_) + ". " + place + ": " + reason;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int count_ = 0;
};

// The data set from a folder or its subfolders, or nothing and a line in `attempts`.
std::optional<datasets::Data> from_place(const DatasetSource& source, const fs::path& place, const std::string& label,
                                         Attempts& attempts) {
  if (!is_folder(place)) {
    attempts.add(label, "no such folder");
    return std::nullopt;
  }
  std::vector<fs::path> candidates;
  for (const std::string& folder : source.folders) candidates.push_back(place / folder);
  candidates.push_back(place);
  bool any = false;
  for (const fs::path& folder : candidates) {
    if (!is_folder(folder) || !source.present(folder)) continue;
    any = true;
    try {
      return source.read(folder);
    } catch (const Error& e) {
      attempts.add(label, e.what());
    }
  }
  if (!any) attempts.add(label, "has none of its files");
  return std::nullopt;
}

void fetch_file(const DatasetSource& source, const RemoteFile& file, const fs::path& folder, bool quiet) {
  std::error_code ignored;
  const fs::path target = folder / file.name;
  if (fs::exists(target, ignored)) {
    try {
      return file.verify(target);
    } catch (const Error&) {
      fs::remove(target, ignored);  // our own cache: the caller has reported it as damaged
    }
  }
  std::vector<std::string> urls = file.urls;
  if (auto mirror = environment("STRATA_DATASETS_URL")) {
    while (mirror->ends_with('/')) mirror->pop_back();
    urls = {*mirror + "/" + source.name + "/" + file.name};
  }
  DownloadOptions options;
  options.quiet = quiet;
  std::string reasons;
  for (const std::string& url : urls) {
    try {
      return download(url, target, file.verify, options);
    } catch (const Error& e) {
      reasons += (reasons.empty() ? "" : "; ") + std::string(e.what());
    }
  }
  throw Error(reasons);
}

std::optional<datasets::Data> from_network(const DatasetSource& source, bool quiet, Attempts& attempts) {
  const auto offline = environment("STRATA_OFFLINE");
  if (offline && *offline != "0") {
    attempts.add("download", "switched off by STRATA_OFFLINE");
    return std::nullopt;
  }
  const auto cache = own_cache();
  if (!cache) {
    attempts.add("download", "no cache folder: neither XDG_CACHE_HOME nor HOME is set");
    return std::nullopt;
  }
  try {
    for (const RemoteFile& file : source.files) fetch_file(source, file, *cache / source.name, quiet);
    return source.read(*cache / source.name);
  } catch (const Error& e) {
    attempts.add("download", e.what());
    return std::nullopt;
  }
}

}  // namespace

datasets::Data find_dataset(const DatasetSource& source, const datasets::LoadOptions& options) {
  const std::string where = "datasets::" + source.name;
  Attempts attempts;
  if (!options.directory.empty()) {
    if (auto data = from_place(source, options.directory, "directory " + options.directory, attempts)) return *data;
    throw Error(where, "cannot be read from the given directory." + attempts.text());
  }
  struct Place {
    std::string label;
    std::optional<fs::path> folder;
    std::string why_not;
  };
  const auto named = environment("STRATA_DATA_DIR");
  auto keras = home_folder("KERAS_HOME", ".keras");
  if (keras) *keras /= "datasets";
  const Place places[] = {
      {"STRATA_DATA_DIR", named ? std::optional<fs::path>(*named) : std::nullopt, "not set"},
      {"Keras's cache", keras, "neither KERAS_HOME nor HOME is set"},
      {"cache", own_cache(), "neither XDG_CACHE_HOME nor HOME is set"},
      {"installation", installed_data(), "no share/strata/data beside the library"},
      {"repository", fs::path(STRATA_SOURCE_DATA_DIR), ""},
  };
  for (const Place& place : places) {
    if (!place.folder) {
      attempts.add(place.label, place.why_not);
    } else if (auto data = from_place(source, *place.folder, place.label + " " + place.folder->string(), attempts)) {
      return *data;
    }
  }
  if (auto data = from_network(source, options.quiet, attempts)) return *data;
  throw Error(where, "no usable copy was found. Tried:" + attempts.text());
}

}  // namespace strata::data
