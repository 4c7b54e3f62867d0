#pragma once

#include "core/ops/elementwise.h"

namespace strata {

/// exp(x - max) / sum(exp(x - max)) along an axis; floating types; f16 and bf16 are computed in f32. NaN along the whole
/// axis where an element is NaN or +infinity, or all are -infinity. The gradient reads the output only.
struct STRATA_API Softmax {
  std::int64_t axis = -1;
  static constexpr std::string_view name = "softmax";
  bool operator==(const Softmax&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (g, y) -> y * (g - sum(g * y)) along the axis: the gradient of y = softmax(x).
struct STRATA_API SoftmaxGradient {
  std::int64_t axis = -1;
  static constexpr std::string_view name = "softmax_gradient";
  bool operator==(const SoftmaxGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// x - max - log(sum(exp(x - max))) along an axis.
struct STRATA_API LogSoftmax {
  std::int64_t axis = -1;
  static constexpr std::string_view name = "log_softmax";
  bool operator==(const LogSoftmax&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <ArrayOperand A>
auto softmax(const A& x, std::int64_t axis = -1) { return apply(Softmax{axis}, detail::as_floating(x)); }
template <ArrayOperand A>
auto log_softmax(const A& x, std::int64_t axis = -1) { return apply(LogSoftmax{axis}, detail::as_floating(x)); }

}  // namespace strata
