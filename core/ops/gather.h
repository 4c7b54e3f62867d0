#pragma once

#include "core/graph/apply.h"

namespace strata {

/// Slices of `params` along `axis` at the positions `indices` (i32, i64 or u8, any shape): the shape of params with the
/// axis replaced by that of the indices. Error at run time for an index outside the axis: names it, its position and
/// the size; on a GPU, which cannot raise one in the middle of a step, such an index gives zeros.
struct STRATA_API Gather {
  std::int64_t axis = 0;
  static constexpr std::string_view name = "gather";
  bool operator==(const Gather&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature& s) const;
};

/// (indices, updates) -> zeros of `shape` with each slice of the updates added at its index along `axis`: the gradient
/// of gather. Updates of one index are added in order. f32 and f64.
struct STRATA_API ScatterAdd {
  Shape shape;
  std::int64_t axis = 0;
  static constexpr std::string_view name = "scatter_add";
  bool operator==(const ScatterAdd&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature& s) const;
};

/// A new last axis of `depth` with 1 at the index and 0 elsewhere; an index outside gives zeros only.
struct STRATA_API OneHot {
  std::int64_t depth = 1;
  DType dtype = DType::f32;
  static constexpr std::string_view name = "one_hot";
  bool operator==(const OneHot&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature& s) const;
};

template <Operand P, Operand I>
auto gather(const P& params, const I& indices, std::int64_t axis = 0) {
  return apply(Gather{axis}, params, indices);
}
template <Operand I, Operand U>
auto scatter_add(const I& indices, const U& updates, const Shape& shape, std::int64_t axis = 0) {
  return apply(ScatterAdd{shape, axis}, indices, updates);
}
template <Operand I>
auto one_hot(const I& indices, std::int64_t depth, DType dtype = DType::f32) {
  return apply(OneHot{depth, dtype}, indices);
}

}  // namespace strata
