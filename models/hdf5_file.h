#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/device/tensor.h"

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
class Hdf5File {
 public:
  /// For reading. Error when the file is missing, truncated or not HDF5.
  static Hdf5File open(const std::filesystem::path& file);
  /// For writing; an existing file is emptied. The content is built in memory and written by close().
  static Hdf5File create(const std::filesystem::path& file);
  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;
  ~Hdf5File();
  /// Writes what was built. Error when that fails (full disk). Without it the file stays empty.
  void close();

  bool has_group(const std::string& path) const;
  bool has_dataset(const std::string& path) const;
  /// Names in a group, sorted.
  std::vector<std::string> children(const std::string& group) const;
  /// Shape of a data set, and the element type as which read() gives it: the stored one, or for integers that have no
  /// counterpart i32 or i64.
  Type dataset_type(const std::string& path) const;
  Tensor read(const std::string& path) const;
  /// Converted from the stored integers, floats or booleans to `dtype`. Floats to integers are cut off.
  Tensor read(const std::string& path, DType dtype) const;

  bool has_attribute(const std::string& object, const std::string& name) const;
  /// One text of any string type. Padding is removed.
  std::string read_text(const std::string& object, const std::string& name) const;
  /// A list of texts. An empty array of any type, as h5py writes an empty list, is an empty list.
  std::vector<std::string> read_texts(const std::string& object, const std::string& name) const;

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
