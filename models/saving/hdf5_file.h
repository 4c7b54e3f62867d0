#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/saving/stored_tree.h"

namespace strata {

/// How text is stored in an attribute. Keras writes names of objects as variable-length UTF-8, configurations and
/// lists of names as variable-length ASCII; a list in fixed-length form is padded with zero bytes.
enum class Hdf5Text { variable_utf8, variable_ascii, fixed_ascii };

/// An HDF5 file, the only use of HDF5 in the library. Paths are from the root with '/' between names; "" and "/" are
/// the root. Any number of threads may use files: one lock serializes all calls into HDF5, which is not thread-safe.
/// Errors name the file, the object and what HDF5 said. Files are written as h5py writes them by default: the earliest
/// format version, contiguous little-endian data, no time stamps.
///
/// Reading follows hard links only. Soft and external links, external or virtual storage, and data sets that declare
/// more than the file can hold are refused: a weights file from a stranger must not make a program read other files
/// or exhaust its memory.
class STRATA_API Hdf5File : public StoredTree {
 public:
  /// For reading. Error when the file is missing, truncated or not HDF5.
  static Hdf5File open(const std::filesystem::path& file);
  /// The same of a file within another one, whose bytes these are; `name` is for errors.
  static Hdf5File open_bytes(std::string bytes, const std::string& name);
  /// For writing; an existing file is emptied. The content is built in memory and written by close().
  static Hdf5File create(const std::filesystem::path& file);
  /// For writing into another file: image() is what was built.
  static Hdf5File create_bytes(const std::string& name);
  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;
  ~Hdf5File() override;
  /// Writes what was built. Error when that fails (full disk). Without it the file stays empty.
  void close();

  /// All bytes of a file being written; valid until the next change.
  std::string_view image() const;

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
  /// An attribute that is one number of any kind.
  double read_number(const std::string& object, const std::string& name) const;

  /// With the groups above it; nothing if it exists.
  void create_group(const std::string& path);
  /// With the groups above it. Error if it exists.
  void write(const std::string& path, const Tensor& value);
  /// Replaces an attribute of that name.
  void write_text(const std::string& object, const std::string& name, std::string_view text, Hdf5Text kind);
  /// Replaces an attribute of that name. An empty list becomes float64 of shape (0,).
  void write_texts(const std::string& object, const std::string& name, const std::vector<std::string>& texts,
                   Hdf5Text kind);

 private:
  struct Impl;
  explicit Hdf5File(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata
