#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "core/base/dtype.h"
#include "core/base/export.h"

namespace strata {

/// A dimension that is open until data arrives (the batch of a Symbol). Never in a Tensor or a Value.
inline constexpr std::int64_t open_dim = -1;

/// Sizes of a row-major array, outermost first. Rank 0 is a scalar.
class STRATA_API Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {}
  Shape(const std::int64_t* first, const std::int64_t* last) : dims_(first, last) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  bool empty() const { return dims_.empty(); }
  /// Counts from the end when negative. Error when out of range.
  std::int64_t operator[](std::int64_t axis) const { return dims_[index(axis)]; }
  std::int64_t& operator[](std::int64_t axis) { return dims_[index(axis)]; }
  std::int64_t front() const { return (*this)[0]; }
  std::int64_t back() const { return (*this)[-1]; }
  /// Product of the sizes; 1 for a scalar.
  std::int64_t elements() const;
  bool has_open_dim() const;

  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }
  const std::vector<std::int64_t>& dims() const { return dims_; }
  void push_back(std::int64_t d) { dims_.push_back(d); }
  /// Sizes of axes [first, last).
  Shape slice(int first, int last) const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::size_t index(std::int64_t axis) const;
  std::vector<std::int64_t> dims_;
};

using Shapes = std::vector<Shape>;
/// Axes of a reduction or a permutation; negative ones count from the end.
using Axes = std::vector<std::int64_t>;

/// `[8,28,28]`, open dimensions as `?`.
STRATA_API std::string to_string(const Shape&);
/// Keras's spelling: `(None, 28, 28)`, and `(5,)` for rank 1.
STRATA_API std::string to_keras_string(const Shape&);
/// NumPy's rule: aligned at the last axis, sizes equal or 1. Error naming `where` and both shapes.
STRATA_API Shape broadcast(const Shape&, const Shape&, std::string_view where);
/// Maps negative axes, sorts, rejects duplicates and axes out of range; an empty list means all axes.
STRATA_API Axes normalize_axes(const Axes&, int rank, std::string_view where);
/// One axis in [-rank, rank) to [0, rank).
STRATA_API int normalize_axis(std::int64_t axis, int rank, std::string_view where);
/// Row-major strides in elements.
STRATA_API std::vector<std::int64_t> row_major_strides(const Shape&);

/// What a Value is: an element type and concrete sizes.
struct Type {
  DType dtype = DType::f32;
  Shape shape;
  std::size_t bytes() const { return static_cast<std::size_t>(shape.elements()) * size_of(dtype); }
  friend bool operator==(const Type&, const Type&) = default;
};
using Types = std::vector<Type>;

/// `f32[128,10]`.
STRATA_API std::string to_string(const Type&);

}  // namespace strata
