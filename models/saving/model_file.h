#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "models/saving/stored_tree.h"

namespace strata {

/// The kinds of files that hold models, which Keras tells by their names.
enum class FileKind {
  keras,    ///< `.keras`: a zip archive of texts and a weights file
  weights,  ///< `.weights.h5`, or `.weights.json`: a list of several
  legacy,   ///< any other `.h5`, or `.hdf5`: a whole model or weights alone
};
/// Error for other names, which lists these.
STRATA_API FileKind kind_of_file(const std::string& path);

/// A file that a model or weights are read from: the tree of its weights and, in a `.keras` archive, texts beside it.
class STRATA_API ModelFile : public StoredTree {
 public:
  /// A text takes at most this much.
  static constexpr std::uint64_t most_text = std::uint64_t{64} << 20;

  /// With `isolated` in a process of its own, where damage that crashes the libraries that read the file ends in an
  /// error here (isolated_file.h). Error when the file is missing, or not of the kind that its name says.
  static std::unique_ptr<ModelFile> open(const std::string& path, bool isolated);

  /// A text of a `.keras` archive; nothing when there is none.
  virtual std::optional<std::string> text(const std::string& member) const = 0;
};

/// What the file, or the files that it lists, take on the disk.
std::uint64_t bytes_of_model_file(const std::string& path);

/// Reads within this process.
std::unique_ptr<ModelFile> open_local_file(const std::string& path);

}  // namespace strata
