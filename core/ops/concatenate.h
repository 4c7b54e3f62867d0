#pragma once

#include "core/graph/apply.h"
#include "core/ops/reshape.h"

namespace strata {

/// The inputs one after another along `axis`; they agree in element type and all other sizes.
struct STRATA_API Concatenate {
  std::int64_t axis = -1;
  static constexpr std::string_view name = "concatenate";
  bool operator==(const Concatenate&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// One output for each of `sizes`, cut along `axis`; they sum to its size.
struct STRATA_API Split {
  std::vector<std::int64_t> sizes;
  std::int64_t axis = -1;
  static constexpr std::string_view name = "split";
  bool operator==(const Split&) const = default;
  Types infer(std::span<const Type> in) const;
  Values vjp(const Node& node, std::span<const Value> g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// The input cut into `parts` equal pieces along `axis`.
struct STRATA_API SplitEqually {
  std::int64_t parts = 1;
  std::int64_t axis = -1;
  static constexpr std::string_view name = "split_equally";
  bool operator==(const SplitEqually&) const = default;
  Types infer(std::span<const Type> in) const;
  Values vjp(const Node& node, std::span<const Value> g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

STRATA_API Tensor concatenate(const Tensors& parts, std::int64_t axis = -1);
STRATA_API Value concatenate(const Values& parts, std::int64_t axis = -1);
STRATA_API Symbol concatenate(const Symbols& parts, std::int64_t axis = -1);

/// Inputs of one shape side by side along a new axis.
STRATA_API Tensor stack(const Tensors& parts, std::int64_t axis = 0);
STRATA_API Value stack(const Values& parts, std::int64_t axis = 0);
STRATA_API Symbol stack(const Symbols& parts, std::int64_t axis = 0);

/// All pieces, of these sizes.
template <Operand A>
auto split(const A& x, const std::vector<std::int64_t>& sizes, std::int64_t axis = -1) {
  return apply_all(Split{sizes, axis}, x);
}
/// All pieces, `parts` equal ones.
template <Operand A>
auto split(const A& x, std::int64_t parts, std::int64_t axis = -1) {
  return apply_all(SplitEqually{parts, axis}, x);
}

}  // namespace strata
