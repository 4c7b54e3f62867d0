#include "models/saving/model_file.h"

#include <filesystem>
#include <limits>

#include "core/base/error.h"
#include "core/base/zip_archive.h"
#include "models/saving/hdf5_file.h"
#include "models/saving/isolated_file.h"
#include "models/saving/sharded_file.h"

namespace strata {

namespace {
bool is_list_of_shards(const std::string& path) { return path.ends_with(".weights.json"); }
}  // namespace

FileKind kind_of_file(const std::string& path) {
  if (path.ends_with(".keras")) return FileKind::keras;
  if (path.ends_with(".weights.h5") || is_list_of_shards(path)) return FileKind::weights;
  if (path.ends_with(".h5") || path.ends_with(".hdf5")) return FileKind::legacy;
  throw Error(path,
              "File format not supported: expected a name that ends in `.keras`, `.h5`, `.hdf5`, `.weights.h5` or "
              "`.weights.json`");
}

namespace {

/// Forwards to the weights of the file, which those of an archive are opened for at the first question.
class LocalFile : public ModelFile {
 public:
  explicit LocalFile(const std::string& path) : path_(path) {
    if (kind_of_file(path) == FileKind::keras)
      archive_ = ZipReader::open(path);
    else if (is_list_of_shards(path))
      tree_ = std::make_unique<ShardedTree>(path);
    else
      tree_ = Hdf5File::open(path);
  }

  std::optional<std::string> text(const std::string& member) const override {
    if (!archive_ || !archive_->contains(member)) return std::nullopt;
    return archive_->read(member, most_text);
  }
  bool has_group(const std::string& path) const override { return tree().has_group(path); }
  bool has_dataset(const std::string& path) const override { return tree().has_dataset(path); }
  std::vector<std::string> children(const std::string& group) const override { return tree().children(group); }
  Type dataset_type(const std::string& path) const override { return tree().dataset_type(path); }
  StoredArray describe(const std::string& path) const override { return tree().describe(path); }
  Tensor read(const std::string& path, DType dtype) const override { return tree().read(path, dtype); }
  bool has_attribute(const std::string& object, const std::string& name) const override {
    return tree().has_attribute(object, name);
  }
  std::string read_text(const std::string& object, const std::string& name) const override {
    return tree().read_text(object, name);
  }
  std::vector<std::string> read_texts(const std::string& object, const std::string& name) const override {
    return tree().read_texts(object, name);
  }

 private:
  const StoredTree& tree() const {
    if (!tree_) {
      const std::string member = "model.weights.h5";
      if (!archive_->contains(member))
        throw Error(path_, archive_->contains("model.weights.npz")
                               ? "its weights are in the form `model.weights.npz`, which is not supported"
                               : "Expected a `" + member + "` member; there is none");
      tree_ =
          Hdf5File::open_bytes(archive_->read(member, std::numeric_limits<std::uint64_t>::max()), path_ + ":" + member);
    }
    return *tree_;
  }

  std::string path_;
  std::unique_ptr<ZipReader> archive_;  // of a `.keras` file; else null
  mutable std::unique_ptr<StoredTree> tree_;
};

}  // namespace

std::uint64_t bytes_of_model_file(const std::string& path) {
  if (is_list_of_shards(path)) return bytes_of_shards(path);
  std::error_code status;
  const std::uint64_t bytes = std::filesystem::file_size(path, status);
  if (status) throw Error(path, "cannot be read: " + status.message());
  return bytes;
}

std::unique_ptr<ModelFile> open_local_file(const std::string& path) { return std::make_unique<LocalFile>(path); }

std::unique_ptr<ModelFile> ModelFile::open(const std::string& path, bool isolated) {
  const FileKind kind = kind_of_file(path);
  if (!std::filesystem::exists(path))
    throw Error("load", "File not found: filepath=" + path + ". Please ensure the file is an accessible `" +
                            (kind == FileKind::keras   ? ".keras` zip file."
                             : is_list_of_shards(path) ? ".weights.json` file."
                                                       : ".h5` file."));
  return isolated ? open_isolated_file(path) : open_local_file(path);
}

}  // namespace strata
