#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/saving/hdf5_file.h"

namespace strata {

/// Weights that Keras 3 has spread over several files: `NAME.weights.json` names the files `NAME_00000.weights.h5`, ...
/// beside it, each with some of the groups of one weights file (keras/src/saving/saving_lib.py, 3.15). Read as one
/// tree, where a group holds what it holds in any of them.
class ShardedTree : public StoredTree {
 public:
  /// Error when a file is missing or damaged, or the list names one elsewhere.
  explicit ShardedTree(const std::filesystem::path& list);

  using StoredTree::read;
  bool has_group(const std::string& path) const override;
  bool has_dataset(const std::string& path) const override;
  std::vector<std::string> children(const std::string& group) const override;
  Type dataset_type(const std::string& path) const override;
  StoredArray describe(const std::string& path) const override;
  Tensor read(const std::string& path, DType dtype) const override;
  bool has_attribute(const std::string& object, const std::string& name) const override;
  std::string read_text(const std::string& object, const std::string& name) const override;
  std::vector<std::string> read_texts(const std::string& object, const std::string& name) const override;

 private:
  const Hdf5File& with_dataset(const std::string& path) const;
  const Hdf5File& with_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::unique_ptr<Hdf5File>> shards_;  // never empty
};

/// What the files of NAME.weights.json take on the disk, as far as their names tell; nothing is opened.
std::uint64_t bytes_of_shards(const std::filesystem::path& list);

}  // namespace strata
