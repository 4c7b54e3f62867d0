#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/device/tensor.h"

namespace strata {

/// How a data set lies in its file.
struct StoredArray {
  std::string type;  ///< in NumPy's words ("float32", "int8", "bool", "bfloat16"), "text", or what HDF5 calls it
  Shape shape;
  std::uint64_t bytes = 0;  ///< that its values take there: fewer than they have when compressed
};

/// What readers of weights ask of a file, wherever it is read: groups that hold data sets and further groups, both with
/// texts as attributes. Paths are from the root with '/' between names; "" and "/" are the root. Errors name the file
/// and the object.
class STRATA_API StoredTree {
 public:
  virtual ~StoredTree() = default;
  virtual bool has_group(const std::string& path) const = 0;
  virtual bool has_dataset(const std::string& path) const = 0;
  /// Names in a group, sorted.
  virtual std::vector<std::string> children(const std::string& group) const = 0;
  /// Shape of a data set, and the element type as which read() gives it: the stored one, or for integers that have no
  /// counterpart i32 or i64.
  virtual Type dataset_type(const std::string& path) const = 0;
  /// Of any data set, those that read() cannot give included.
  virtual StoredArray describe(const std::string& path) const = 0;
  /// Converted from the stored integers, floats or booleans to `dtype`. Floats to integers are cut off.
  virtual Tensor read(const std::string& path, DType dtype) const = 0;
  Tensor read(const std::string& path) const { return read(path, dataset_type(path).dtype); }

  virtual bool has_attribute(const std::string& object, const std::string& name) const = 0;
  /// One text of any string type. Padding is removed.
  virtual std::string read_text(const std::string& object, const std::string& name) const = 0;
  /// A list of texts. An empty array of any type, as h5py writes an empty list, is an empty list.
  virtual std::vector<std::string> read_texts(const std::string& object, const std::string& name) const = 0;
};

/// "a/b"; the other one where one is empty.
inline std::string joined_path(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a + b;
  return a + "/" + b;
}

}  // namespace strata
