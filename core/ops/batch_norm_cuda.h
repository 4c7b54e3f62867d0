#pragma once

#include "core/graph/op.h"
#include "core/ops/norm_columns.h"

/// What a batch norm and its gradient have in common on a GPU. For .cu files only.
namespace strata::norm {

/// A vector over the channels, of x's type or, beside 16 bits, f32: kernels find out as they go.
template <class A>
class Vector {
 public:
  Vector() = default;
  Vector(const Buffers& io, std::size_t input) : data_(io.in_raw()[input]), type_(io.in_type(input).dtype) {}
  STRATA_DEVICE A operator[](std::int64_t i) const {
    if (type_ == DType::f16) return static_cast<A>(tiles::load(static_cast<const Half*>(data_)[i]));
    if (type_ == DType::bf16) return static_cast<A>(tiles::load(static_cast<const BFloat16*>(data_)[i]));
    return static_cast<const A*>(data_)[i];
  }

 private:
  const void* data_ = nullptr;
  DType type_ = DType::f32;
};
template <class A>
class WrittenVector {
 public:
  WrittenVector(const Buffers& io, std::size_t output)
      : data_(io.out_raw()[output]), type_(io.out_type(output).dtype) {}
  STRATA_DEVICE void set(std::int64_t i, A x) const {
    if (type_ == DType::f16)
      static_cast<Half*>(data_)[i] = tiles::store<Half>(x);
    else if (type_ == DType::bf16)
      static_cast<BFloat16*>(data_)[i] = tiles::store<BFloat16>(x);
    else
      static_cast<A*>(data_)[i] = x;
  }

 private:
  void* data_;
  DType type_;
};

/// (x - mean) * scale + shift. The gradient asks again whether it was positive: both evaluate this expression.
template <class A>
struct Affine {
  A mean, scale, shift;
  STRATA_DEVICE A operator()(A x) const { return (x - mean) * scale + shift; }
};

template <class T, int width>
struct TwoPacks {
  tiles::Pack<T, width> first, second;
};

/// How many elements of so many bytes are moved at once. f64, which is for tests, moves alone.
constexpr int pack_width(std::size_t bytes) { return bytes == 8 ? 1 : cuda::pack_bytes / static_cast<int>(bytes); }

/// Bytes of `each` numbers for every channel and `partial` for every partial result.
inline std::size_t scratch_bytes(const Type& x, std::int64_t each, std::int64_t partial) {
  const std::int64_t results = reading(x.shape, pack_width(size_of(x.dtype))).partial_rows();
  const std::size_t number = x.dtype == DType::f64 ? sizeof(double) : sizeof(float);
  return number * static_cast<std::size_t>((each + partial * results) * x.shape.back());
}

}  // namespace strata::norm
