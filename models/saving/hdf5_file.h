#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/module.h"
#include "models/saving/stored_tree.h"

namespace strata {

/// How text is stored in an attribute. Keras writes names of objects as variable-length UTF-8, configurations and
/// lists of names as variable-length ASCII; a list in fixed-length form is padded with zero bytes.
enum class Hdf5Text { variable_utf8, variable_ascii, fixed_ascii };

/// An HDF5 file. Paths are from the root with '/' between names; "" and "/" are
/// the root. Any number of threads may use files: one lock serializes all calls into HDF5, which is not thread-safe.
/// Errors name the file, the object and what HDF5 said. Files are written as h5py writes them by default: the earliest
/// format version, contiguous little-endian data, no time stamps.
///
/// Reading follows hard links only. Soft and external links, external or virtual storage, and data sets that declare
/// more than the file can hold are refused: a weights file from a stranger must not make a program read other files
/// or exhaust its memory.
///
/// HDF5 is loaded with the first file (Hdf5Module); Error when that fails.
class STRATA_API Hdf5File : public StoredTree {
 public:
  /// For reading. Error when the file is missing, truncated or not HDF5.
  static std::unique_ptr<Hdf5File> open(const std::filesystem::path& file);
  /// The same of a file within another one, whose bytes these are; `name` is for errors.
  static std::unique_ptr<Hdf5File> open_bytes(std::string bytes, const std::string& name);
  /// For writing; an existing file is emptied. The content is built in memory and written by close().
  static std::unique_ptr<Hdf5File> create(const std::filesystem::path& file);
  /// For writing into another file: image() is what was built.
  static std::unique_ptr<Hdf5File> create_bytes(const std::string& name);

  /// Writes what was built. Error when that fails (full disk). Without it the file stays empty.
  virtual void close() = 0;
  /// All bytes of a file being written; valid until the next change.
  virtual std::string_view image() const = 0;
  /// An attribute that is one number of any kind.
  virtual double read_number(const std::string& object, const std::string& name) const = 0;

  /// With the groups above it; nothing if it exists.
  virtual void create_group(const std::string& path) = 0;
  /// With the groups above it. Error if it exists.
  virtual void write(const std::string& path, const Tensor& value) = 0;
  /// Replaces an attribute of that name.
  virtual void write_text(const std::string& object, const std::string& name, std::string_view text, Hdf5Text kind) = 0;
  /// Replaces an attribute of that name. An empty list becomes float64 of shape (0,).
  virtual void write_texts(const std::string& object, const std::string& name, const std::vector<std::string>& texts,
                           Hdf5Text kind) = 0;
};

/// The module with HDF5, its only use. What its functions do stands at those of Hdf5File.
class Hdf5Module : public Module {
 public:
  static constexpr std::string_view module_name = "hdf5";
  virtual std::unique_ptr<Hdf5File> open(const std::filesystem::path& file) const = 0;
  virtual std::unique_ptr<Hdf5File> open_bytes(std::string bytes, const std::string& name) const = 0;
  virtual std::unique_ptr<Hdf5File> create(const std::filesystem::path& file) const = 0;
  virtual std::unique_ptr<Hdf5File> create_bytes(const std::string& name) const = 0;
};

}  // namespace strata
