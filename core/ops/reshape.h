#pragma once

#include "core/graph/apply.h"

namespace strata {

/// The same elements under another shape: a view, nothing moves. One size may be -1: what is left over. Error unless
/// the number of elements stays.
struct STRATA_API Reshape {
  Shape shape;
  static constexpr std::string_view name = "reshape";
  bool operator==(const Reshape&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

/// Adds an axis of size 1 before position `axis` of the result (negative: from the result's end).
struct STRATA_API ExpandDims {
  std::int64_t axis = 0;
  static constexpr std::string_view name = "expand_dims";
  bool operator==(const ExpandDims&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

/// Drops these axes, which have size 1; all such axes when none is named.
struct STRATA_API Squeeze {
  Axes axes;
  static constexpr std::string_view name = "squeeze";
  bool operator==(const Squeeze&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

/// Joins the axes from `first` on into one. Flatten{1} keeps the batch.
struct STRATA_API Flatten {
  std::int64_t first = 1;
  static constexpr std::string_view name = "flatten";
  bool operator==(const Flatten&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

struct STRATA_API Identity {
  static constexpr std::string_view name = "identity";
  bool operator==(const Identity&) const = default;
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node&, Value g) const { return {g}; }
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

/// The identity, through which no gradient flows.
struct STRATA_API StopGradient {
  static constexpr std::string_view name = "stop_gradient";
  bool operator==(const StopGradient&) const = default;
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

template <Operand A>
auto reshape(const A& x, const Shape& shape) {
  return apply(Reshape{shape}, x);
}
template <Operand A>
auto expand_dims(const A& x, std::int64_t axis) {
  return apply(ExpandDims{axis}, x);
}
template <Operand A>
auto squeeze(const A& x, const Axes& axes = {}) {
  return apply(Squeeze{axes}, x);
}
template <Operand A>
auto flatten(const A& x, std::int64_t first = 1) {
  return apply(Flatten{first}, x);
}
template <Operand A>
auto identity(const A& x) {
  return apply(Identity{}, x);
}
template <Operand A>
auto stop_gradient(const A& x) {
  return apply(StopGradient{}, x);
}

}  // namespace strata
