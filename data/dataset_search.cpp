#include "data/dataset_search.h"

#include <dlfcn.h>

#include <optional>

#include "core/base/error.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

std::optional<fs::path> dataset_cache() {
  const auto cache = own_cache();
  return cache ? std::optional(*cache / "datasets") : std::nullopt;
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

std::optional<datasets::Data> from_network(const DatasetSource& source, bool quiet, Attempts& attempts) {
  if (offline()) {
    attempts.add("download", "switched off by STRATA_OFFLINE");
    return std::nullopt;
  }
  const auto cache = dataset_cache();
  if (!cache) {
    attempts.add("download", std::string("no cache folder: ") + no_own_cache);
    return std::nullopt;
  }
  try {
    for (RemoteFile file : source.files) {
      file.urls = or_mirror("STRATA_DATASETS_URL", source.name + "/" + file.name, file.urls);
      fetch_into(*cache / source.name, file, quiet);
    }
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
  auto keras = keras_home();
  if (keras) *keras /= "datasets";
  const Place places[] = {
      {"STRATA_DATA_DIR", named ? std::optional<fs::path>(*named) : std::nullopt, "not set"},
      {"Keras's cache", keras, no_keras_home},
      {"cache", dataset_cache(), no_own_cache},
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
