#pragma once

// What the parts of Hdf5File share. The only header that includes HDF5's; nothing else includes this one.

#include <hdf5.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "models/saving/hdf5_file.h"

namespace strata::hdf5 {

/// An identifier that is closed when it leaves its scope.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  hid_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }
  hid_t release() { return std::exchange(id_, -1); }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Holds the process-wide lock and keeps HDF5 from printing errors. The program's own setting is put back after.
class Session {
 public:
  Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* client_ = nullptr;
};

/// The innermost message of HDF5's error stack.
std::string last_error();

/// Makes a file that is opened with these properties be read out of `bytes`, which must outlive it.
void read_in_place(hid_t access, std::string& bytes);

/// The element type in memory, and in files, for one of ours.
Handle memory_type(DType);
Handle file_type(DType);

/// How elements of a file's type are read: as which of ours, and whether their bytes are taken as they are.
struct StoredType {
  DType dtype;
  bool raw;  ///< bool and bfloat16, which HDF5 cannot convert to numbers
};
/// `named` is the data set's attribute "dtype", which says what an opaque type holds. Nothing for text and the like.
std::optional<StoredType> stored_type(hid_t type, const std::string& named);
/// What StoredArray::type says of such elements.
std::string type_name(hid_t type, const std::string& named);
/// Element by element; for bool and bfloat16 on one side.
Tensor convert_elements(const Tensor& from, DType to);

}  // namespace strata::hdf5

namespace strata {

struct Hdf5File::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  std::string name;
  std::string content;       // of a file that is read from memory; else empty
  int target = -1;           // where close() writes what was built in memory; -1: nowhere
  std::uintmax_t bytes = 0;  // size of the file when it was opened for reading
  hdf5::Handle file;
  bool heaps_checked = false;  // or written by ourselves

  [[noreturn]] void fail(const std::string& object, const std::string& what) const;
  /// The same with HDF5's reason.
  [[noreturn]] void fail_hdf5(const std::string& object, const std::string& what) const;
  hdf5::Handle checked(hid_t id, hdf5::Handle::Close close, const std::string& object, const char* what) const;
  /// Whether the path leads to an object over hard links. Error for other links.
  bool exists(const std::string& path) const;
  hdf5::Handle open_object(const std::string& path) const;
  hdf5::Handle open_dataset(const std::string& path) const;
  /// Sizes of a data space; error for a null one.
  Shape shape_of(hid_t space, const std::string& object) const;
  /// Error when the data set keeps its data elsewhere or declares more than there can be.
  void check_storage(hid_t dataset, hid_t type, const Shape& shape, const std::string& path) const;
  void create_file();
  void write_to(int descriptor, std::string_view rest) const;
  /// Error when a store of variable-length texts is damaged.
  void check_text_heaps();
  void make_parents(const std::string& path) const;
  /// What a data set of an opaque type says that it holds; empty for other types.
  std::string opaque_name(hid_t dataset, hid_t type, const std::string& path);
  hdf5::StoredType element_type(hid_t dataset, hid_t type, const std::string& path);
  std::vector<std::string> texts(const std::string& object, const std::string& name, bool scalar);
  void put_texts(const std::string& object, const std::string& name, const std::vector<std::string>& texts,
                 Hdf5Text kind, bool scalar) const;
};

/// "a/b" of "/a//b/"; "/" of "".
std::string normal_hdf5_path(const std::string& path);

}  // namespace strata
