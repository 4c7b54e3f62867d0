#pragma once

#include <limits>

#include "core/graph/apply.h"

namespace strata {

/// As an end of a slice: up to the end of the axis.
inline constexpr std::int64_t slice_end = std::numeric_limits<std::int64_t>::max();

/// Elements begin, begin + stride, ... before end, on each axis; axes past the lists are taken whole. As in NumPy,
/// negative positions count from the end and positions outside are moved to the border. Strides are at least 1.
struct STRATA_API Slice {
  std::vector<std::int64_t> begin, end, strides;
  static constexpr std::string_view name = "slice";
  bool operator==(const Slice&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// `before[axis]` elements of `value` in front of each axis, `after[axis]` behind, `interior[axis]` between any two
/// neighbours (no list: none). Error for lists of another length than the rank, or a negative amount.
struct STRATA_API Pad {
  std::vector<std::int64_t> before, after, interior;
  double value = 0;
  static constexpr std::string_view name = "pad";
  bool operator==(const Pad&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <Operand A>
auto slice(const A& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end,
           const std::vector<std::int64_t>& strides = {}) {
  return apply(Slice{begin, end, strides}, x);
}
template <Operand A>
auto pad(const A& x, const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after,
         double value = 0) {
  return apply(Pad{before, after, {}, value}, x);
}

}  // namespace strata
