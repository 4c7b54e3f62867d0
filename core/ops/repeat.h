#pragma once

#include "core/graph/apply.h"

namespace strata {

/// NumPy's broadcasting to a given shape. Fuses with elementwise ops, so that nothing is repeated in memory.
struct STRATA_API BroadcastTo {
  Shape shape;
  static constexpr std::string_view name = "broadcast_to";
  bool operator==(const BroadcastTo&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
  Tile tile(std::span<const DType> in) const;
};

/// Each element `count` times in a row along `axis`: [a, b] -> [a, a, b, b].
struct STRATA_API Repeat {
  std::int64_t count = 1;
  std::int64_t axis = 0;
  static constexpr std::string_view name = "repeat";
  bool operator==(const Repeat&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// The whole input `multiples[axis]` times along each axis: [a, b] -> [a, b, a, b].
struct STRATA_API Tiling {
  std::vector<std::int64_t> multiples;
  static constexpr std::string_view name = "tile";
  bool operator==(const Tiling&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <Operand A>
auto broadcast_to(const A& x, const Shape& shape) {
  return apply(BroadcastTo{shape}, x);
}
template <Operand A>
auto repeat(const A& x, std::int64_t count, std::int64_t axis) {
  return apply(Repeat{count, axis}, x);
}
template <Operand A>
auto tile(const A& x, const std::vector<std::int64_t>& multiples) {
  return apply(Tiling{multiples}, x);
}

}  // namespace strata
