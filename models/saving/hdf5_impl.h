#pragma once

// What the parts of the module that reads and writes HDF5 share. The only header that includes HDF5's; nothing else
// includes this one.

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// "a/b" of "/a//b/"; "/" of "".
std::string normal_path(const std::string& path);

/// An Hdf5File, in terms of HDF5's C functions.
class File final : public Hdf5File {
 public:
  /// The name is for errors. One of the next four makes the rest.
  explicit File(std::string name) : name_(std::move(name)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() override;

  void open(const std::filesystem::path& file);
  void open_bytes(std::string bytes);
  void create(const std::filesystem::path& file);
  void create_bytes();

  void close() override;
  std::string_view image() const override;
  bool has_group(const std::string& path) const override;
  bool has_dataset(const std::string& path) const override;
  std::vector<std::string> children(const std::string& group) const override;
  Type dataset_type(const std::string& path) const override;
  StoredArray describe(const std::string& path) const override;
  Tensor read(const std::string& path, DType dtype) const override;
  bool has_attribute(const std::string& object, const std::string& name) const override;
  std::string read_text(const std::string& object, const std::string& name) const override;
  std::vector<std::string> read_texts(const std::string& object, const std::string& name) const override;
  double read_number(const std::string& object, const std::string& name) const override;
  void create_group(const std::string& path) override;
  void write(const std::string& path, const Tensor& value) override;
  void write_text(const std::string& object, const std::string& name, std::string_view text, Hdf5Text kind) override;
  void write_texts(const std::string& object, const std::string& name, const std::vector<std::string>& texts,
                   Hdf5Text kind) override;

 private:
  [[noreturn]] void fail(const std::string& object, const std::string& what) const;
  /// The same with HDF5's reason.
  [[noreturn]] void fail_hdf5(const std::string& object, const std::string& what) const;
  Handle checked(hid_t id, Handle::Close release, const std::string& object, const char* what) const;
  /// Whether the path leads to an object over hard links. Error for other links.
  bool exists(const std::string& path) const;
  Handle open_object(const std::string& path) const;
  Handle open_dataset(const std::string& path) const;
  /// Sizes of a data space; error for a null one.
  Shape shape_of(hid_t space, const std::string& object) const;
  /// Error when the data set keeps its data elsewhere or declares more than there can be.
  void check_storage(hid_t dataset, hid_t type, const Shape& shape, const std::string& path) const;
  void write_to(int descriptor, std::string_view rest) const;
  /// Error when a store of variable-length texts is damaged.
  void check_text_heaps() const;
  void make_parents(const std::string& path) const;
  /// What a data set of an opaque type says that it holds; empty for other types.
  std::string opaque_name(hid_t dataset, hid_t type, const std::string& path) const;
  StoredType element_type(hid_t dataset, hid_t type, const std::string& path) const;
  std::vector<std::string> texts(const std::string& object, const std::string& attribute_name, bool scalar) const;
  void put_texts(const std::string& object, const std::string& attribute_name, const std::vector<std::string>& texts,
                 Hdf5Text kind, bool scalar) const;

  std::string name_;
  std::string content_;       // of a file that is read from memory; else empty
  int target_ = -1;           // where close() writes what was built in memory; -1: nowhere
  std::uintmax_t bytes_ = 0;  // size of the file when it was opened for reading
  Handle file_;
  mutable bool heaps_checked_ = false;  // or written by ourselves
};

}  // namespace strata::hdf5
