#pragma once

#include "core/graph/apply.h"

namespace strata {

/// Axis i of the result is axis axes[i] of the input. No axes: all of them reversed.
struct STRATA_API Transpose {
  Axes axes;
  static constexpr std::string_view name = "transpose";
  bool operator==(const Transpose&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <Operand A>
auto transpose(const A& x, const Axes& axes = {}) {
  return apply(Transpose{axes}, x);
}

}  // namespace strata
