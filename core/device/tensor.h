#pragma once

#include <concepts>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "core/base/shape.h"
#include "core/device/device.h"
#include "core/device/storage.h"

namespace strata {

/// Numbers: element type, shape, and row-major contiguous memory on a device. Copying a Tensor shares the memory;
/// `clone` copies it. A default-made Tensor is empty (`defined()` is false). Functions run where their tensors are; `to`
/// moves them. Memory of a GPU is not readable here: `data` is an error there, while `item` and `at` fetch what they need.
class STRATA_API Tensor {
 public:
  Tensor() = default;
  /// Uninitialized.
  Tensor(DType, Shape, Device = current_device());
  /// From values in row-major order, on current_device(); error unless their number is that of the shape.
  template <class T>
  static Tensor from(const Shape& shape, std::span<const T> values);
  template <class T>
  static Tensor from(const Shape& shape, const std::vector<T>& values);
  template <class T>
  static Tensor from(const Shape& shape, std::initializer_list<T> values);
  /// Rank 0.
  template <class T>
  static Tensor scalar(T value);

  bool defined() const { return storage_ != nullptr; }
  DType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  const Type& type() const { return type_; }
  Device device() const { return storage_ ? storage_->device() : Device{}; }
  std::int64_t size() const { return type_.shape.elements(); }
  std::size_t bytes() const { return type_.bytes(); }

  /// Error unless T is the element type and the tensor lies in the processor's memory.
  template <class T>
  std::span<const T> data() const;
  template <class T>
  std::span<T> mutable_data();
  const std::byte* raw() const { return storage_ ? storage_->data() + offset_ : nullptr; }
  std::byte* mutable_raw() { return storage_ ? storage_->data() + offset_ : nullptr; }

  /// The only element, converted to T. Error when there are more.
  template <class T>
  T item() const;
  /// Element at a row-major index, converted to T.
  template <class T>
  T at(std::int64_t index) const;

  /// Rows [begin, end) of the first axis; shares memory.
  Tensor rows(std::int64_t begin, std::int64_t end) const;
  /// Same elements under another shape; shares memory.
  Tensor with_shape(Shape) const;
  Tensor clone() const;
  /// The tensor itself if it lies there, otherwise a copy on that device.
  Tensor to(Device) const;
  Tensor to(std::string_view device) const { return to(device_from_string(device)); }
  /// Where the processor can read it: the tensor itself, or a copy of one on a GPU.
  Tensor on_host() const;
  /// Copies the elements of a tensor of the same type into this one's memory, between devices too.
  void copy_from(const Tensor&);
  std::shared_ptr<Storage> storage() const { return storage_; }

 private:
  void check_access(DType) const;
  void fetch(std::int64_t index, void* element) const;
  void check_count(std::size_t) const;
  Type type_;
  std::shared_ptr<Storage> storage_;
  std::size_t offset_ = 0;
};

using Tensors = std::vector<Tensor>;

/// `f32[2,3] {1, 2, 3, ...}`, at most `limit` elements.
STRATA_API std::string to_string(const Tensor&, std::int64_t limit = 8);

template <class T>
std::span<const T> Tensor::data() const {
  check_access(dtype_of<T>());
  return {reinterpret_cast<const T*>(raw()), static_cast<std::size_t>(size())};
}

template <class T>
std::span<T> Tensor::mutable_data() {
  check_access(dtype_of<T>());
  return {reinterpret_cast<T*>(mutable_raw()), static_cast<std::size_t>(size())};
}

template <class T>
Tensor Tensor::from(const Shape& shape, std::span<const T> values) {
  Tensor t(dtype_of<T>(), shape, Device{});
  t.check_count(values.size());
  if (!values.empty()) std::memcpy(t.mutable_raw(), values.data(), t.bytes());
  return t.to(current_device());
}

template <class T>
Tensor Tensor::from(const Shape& shape, const std::vector<T>& values) {
  if constexpr (std::same_as<T, bool>) {
    Tensor t(DType::boolean, shape, Device{});
    t.check_count(values.size());
    std::copy(values.begin(), values.end(), t.mutable_data<bool>().begin());
    return t.to(current_device());
  } else {
    return from(shape, std::span<const T>(values));
  }
}

template <class T>
Tensor Tensor::from(const Shape& shape, std::initializer_list<T> values) {
  return from(shape, std::span<const T>(values.begin(), values.size()));
}

template <class T>
Tensor Tensor::scalar(T value) {
  return from(Shape{}, std::span<const T>(&value, 1));
}

template <class T>
T Tensor::item() const {
  if (size() != 1) fail_expected("item", "a tensor of one element", to_string(type_));
  return at<T>(0);
}

template <class T>
T Tensor::at(std::int64_t index) const {
  if (!defined() || index < 0 || index >= size())
    fail_expected("at", "an index into " + to_string(type_), std::to_string(index));
  return dispatch(dtype(), [&]<class E>() -> T {
    E e;
    fetch(index, &e);
    if constexpr (std::same_as<E, Half> || std::same_as<E, BFloat16>)
      return static_cast<T>(to_float(e));
    else
      return static_cast<T>(e);
  });
}

}  // namespace strata
