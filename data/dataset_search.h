#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/datasets.h"
#include "data/search.h"

namespace strata::data {

/// What the search knows of a data set.
struct DatasetSource {
  std::string name;                  ///< "mnist": in errors, in the cache and on a mirror
  std::vector<std::string> folders;  ///< names that a folder with its files may have
  std::vector<RemoteFile> files;
  /// Whether a folder holds any of the files, whole or not.
  std::function<bool(const std::filesystem::path& folder)> present;
  /// Reads the data set out of a folder. Error that names the file and what is wrong with it.
  std::function<datasets::Data(const std::filesystem::path& folder)> read;
};

/// The search that data/datasets.h describes.
datasets::Data find_dataset(const DatasetSource&, const datasets::LoadOptions&);

}  // namespace strata::data
