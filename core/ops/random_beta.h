#pragma once

#include "core/graph/apply.h"

namespace strata {

/// (state i64[2], a f32[], b f32[]) -> numbers in [0, 1] of the beta distribution with the density x^(a - 1) (1 - x)^(b
/// - 1) / B(a, b), f32 [shape]; a and b above 0. As all random ops (core/ops/random.h): the state is (seed, step), and
/// number i of a stream depends on these and i only. NaN where a or b is not above 0.
struct STRATA_API RandomBeta {
  Shape shape;
  std::uint32_t stream = 0;
  static constexpr std::string_view name = "random_beta";
  bool operator==(const RandomBeta&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

}  // namespace strata
