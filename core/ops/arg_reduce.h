#pragma once

#include "core/ops/elementwise.h"

namespace strata {

/// Index of the largest element along an axis, i64; of equal ones the first; a NaN counts as the largest (of several the
/// first), as in NumPy. Any element type. Error when the axis is empty. No gradient.
struct STRATA_API ArgMax {
  std::int64_t axis = -1;
  bool keepdims = false;
  static constexpr std::string_view name = "argmax";
  bool operator==(const ArgMax&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// The smallest likewise; a NaN counts as the smallest.
struct STRATA_API ArgMin {
  std::int64_t axis = -1;
  bool keepdims = false;
  static constexpr std::string_view name = "argmin";
  bool operator==(const ArgMin&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// x [..., n] -> the k largest of the last axis, largest first, and their indices (i64), both [..., k]. Equal elements
/// come in the order of their indices; NaN counts as the largest. Error unless 0 <= k <= n.
struct STRATA_API TopK {
  std::int64_t k = 1;
  static constexpr std::string_view name = "top_k";
  bool operator==(const TopK&) const = default;
  Types infer(std::span<const Type> in) const;
  Values vjp(const Node&, std::span<const Value> g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// (g [..., k], indices [..., k]) -> [..., size], zero but for g at the indices, which differ within a row: the gradient
/// of top_k. An index outside of [0, size) is an error when the op runs; on a GPU, which cannot raise one, its g is dropped.
struct STRATA_API TopKGradient {
  std::int64_t size = 0;
  static constexpr std::string_view name = "top_k_gradient";
  bool operator==(const TopKGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// (x [..., n], indices [..., k]) -> x at the indices of the last axis, [..., k]. Its gradient takes indices that differ
/// within a row, as top_k makes them. An index outside of [0, n) is an error when the op runs; on a GPU it yields 0.
struct STRATA_API TopKSelect {
  static constexpr std::string_view name = "top_k_select";
  bool operator==(const TopKSelect&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (targets i32 or i64 [...], predictions [..., classes]) -> bool [...]: whether fewer than k predictions are larger than
/// that of the target. False where the target is outside of [0, classes) or a prediction of the row is not finite, as in
/// TensorFlow.
struct STRATA_API InTopK {
  std::int64_t k = 1;
  static constexpr std::string_view name = "in_top_k";
  bool operator==(const InTopK&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

struct ArgReduceOptions {
  bool keepdims = false;
};

template <ArrayOperand A>
auto argmax(const A& x, std::int64_t axis = -1, ArgReduceOptions o = {}) { return apply(ArgMax{axis, o.keepdims}, x); }
template <ArrayOperand A>
auto argmin(const A& x, std::int64_t axis = -1, ArgReduceOptions o = {}) { return apply(ArgMin{axis, o.keepdims}, x); }

/// {values, indices}.
template <ArrayOperand A>
auto top_k(const A& x, std::int64_t k) { return apply_all(TopK{k}, x); }

template <ArrayOperand T, ArrayOperand P>
auto in_top_k(const T& targets, const P& predictions, std::int64_t k) { return apply(InTopK{k}, targets, predictions); }

}  // namespace strata
