#pragma once

#include "core/ops/elementwise.h"

/// Cross-entropies from logits (unnormalized log-probabilities), in stable forms with gradients of one pass. The classes
/// are the last axis of the logits; losses come one per example, with the shape of the axes before it. Floating types;
/// f16 and bf16 are computed in f32.
namespace strata {

/// (labels, logits [..., classes]) -> [...]: log(sum(exp(logits))) - logits[label]. Labels are i32, i64 or u8 of shape
/// [...]. A label outside of [0, classes) is an error when the op runs, before it writes anything: it names the first
/// such label, its row-major index and the number of classes. A GPU cannot raise errors: there such an example's loss,
/// and its row of the gradient, are NaN, as TensorFlow's are.
struct STRATA_API SparseSoftmaxCrossEntropy {
  static constexpr std::string_view name = "sparse_softmax_cross_entropy";
  bool operator==(const SparseSoftmaxCrossEntropy&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// (labels, logits, g [...]) -> g * (softmax(logits) - onehot(labels)).
struct STRATA_API SparseSoftmaxCrossEntropyGradient {
  static constexpr std::string_view name = "sparse_softmax_cross_entropy_gradient";
  bool operator==(const SparseSoftmaxCrossEntropyGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (targets, logits), both [..., classes] -> [...]: -sum(targets * log_softmax(logits)). Targets need not add up to 1;
/// a class with target 0 adds 0 whatever its logit.
struct STRATA_API SoftmaxCrossEntropy {
  static constexpr std::string_view name = "softmax_cross_entropy";
  bool operator==(const SoftmaxCrossEntropy&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// (targets, logits, g [...]) -> g * (softmax(logits) * sum(targets) - targets).
struct STRATA_API SoftmaxCrossEntropyGradient {
  static constexpr std::string_view name = "softmax_cross_entropy_gradient";
  bool operator==(const SoftmaxCrossEntropyGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (targets, logits), which broadcast -> softplus(x) - x * z, which is -z log(sigmoid(x)) - (1 - z) log(1 - sigmoid(x)).
struct STRATA_API SigmoidCrossEntropy : detail::BinaryOp<SigmoidCrossEntropy, Domain::floating> {
  static constexpr std::string_view name = "sigmoid_cross_entropy";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};

template <ArrayOperand L, ArrayOperand X>
auto sparse_softmax_cross_entropy(const L& labels, const X& logits) {
  return apply(SparseSoftmaxCrossEntropy{}, labels, detail::as_floating(logits));
}
template <ArrayOperand T, ArrayOperand X>
auto softmax_cross_entropy(const T& targets, const X& logits) {
  return detail::apply_promoted(SoftmaxCrossEntropy{}, 0, targets, detail::as_floating(logits));
}
template <Operand T, ArrayOperand X>
auto sigmoid_cross_entropy(const T& targets, const X& logits) {
  return detail::apply_promoted(SigmoidCrossEntropy{}, 0, targets, detail::as_floating(logits));
}

}  // namespace strata
