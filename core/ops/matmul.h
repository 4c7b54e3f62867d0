#pragma once

#include "core/graph/apply.h"

namespace strata {

/// Matrix product over the last two axes: [..., m, k] times [..., k, n] gives [..., m, n]; leading axes broadcast. A second
/// operand of rank 2 multiplies every row of the first, whatever its rank. Operands may be taken transposed (their last
/// two axes swapped). With an epilogue a bias [n] (one more input) is added and ReLU applied before results leave the cache;
/// epilogues are made by the compiler after gradients were taken.
/// All element types; 16-bit floats are multiplied and summed in f32. Error when k or the leading axes do not fit.
struct STRATA_API MatMul {
  bool transpose_a = false, transpose_b = false;
  Epilogue epilogue = {};
  static constexpr std::string_view name = "matmul";
  bool operator==(const MatMul&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature& s) const;
  std::optional<Op> with_epilogue(const Epilogue& added) const;
};

struct MatMulOptions {
  bool transpose_a = false, transpose_b = false;
};

template <Operand A, Operand B>
auto matmul(const A& a, const B& b, const MatMulOptions& o = {}) {
  return detail::apply_promoted(MatMul{o.transpose_a, o.transpose_b, {}}, 0, a, b);
}

}  // namespace strata
