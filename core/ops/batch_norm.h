#pragma once

#include <limits>

#include "core/graph/apply.h"
#include "core/ops/binary.h"
#include "core/ops/unary.h"

namespace strata {

/// (x [..., C], gamma [C], beta [C]) -> y = (x - mean) gamma / sqrt(variance + epsilon) + beta, mean [C], variance [C],
/// with the statistics over all axes but the last; the variance is biased (divided by the number of elements), as in
/// Keras 3 (Ioffe and Szegedy, 2015). f32 and f64; 16-bit floats are computed in f32. x is read once for both
/// statistics: the moments of parts are joined in fixed order (Chan, Golub and LeVeque, 1979).
///
/// What passes make of it (core/compile/fuse_batch_norm, narrow_batch_norm): with `adds` one more input, of x's type,
/// is added to the normalized x; then, with `relu`, negative results become 0 and those above `ceiling` become it;
/// beside an x of 16 bits the vectors may be f32.
struct STRATA_API BatchNormTrain {
  double epsilon = 1e-3;
  bool relu = false;
  double ceiling = std::numeric_limits<double>::infinity();
  bool adds = false;
  static constexpr std::string_view name = "batch_norm";
  bool operator==(const BatchNormTrain&) const = default;
  Types infer(std::span<const Type> in) const;
  /// Of y only. Error when a gradient comes in for the statistics, and with `relu` or `adds`.
  Values vjp(const Node& node, std::span<const Value> g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (g, x, gamma, mean, variance) -> gradients of x, gamma and beta. It has no gradient of its own. With `relu` one more
/// input, beta: g is the gradient of what a ReLU behind the normalization gave, and passes where the normalized x lies
/// in (0, ceiling].
struct STRATA_API BatchNormGradient {
  double epsilon = 1e-3;
  bool relu = false;
  double ceiling = std::numeric_limits<double>::infinity();
  static constexpr std::string_view name = "batch_norm_gradient";
  bool operator==(const BatchNormGradient&) const = default;
  Types infer(std::span<const Type> in) const;
  Values vjp(const Node& node, std::span<const Value> g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <class A>
struct BatchNormOutputs {
  A output, mean, variance;
};
using BatchNormResult = BatchNormOutputs<Value>;

template <class A, Operand G, Operand B>
  requires(std::same_as<A, Value> || std::same_as<A, Tensor>)
BatchNormOutputs<A> batch_norm(const A& x, const G& gamma, const B& beta, double epsilon = 1e-3) {
  const auto y = apply_all(BatchNormTrain{epsilon}, x, gamma, beta);
  return {y[0], y[1], y[2]};
}

/// The same with given statistics, as an expression.
template <Operand X, Operand G, Operand B, Operand M, Operand V>
auto batch_norm_inference(const X& x, const G& gamma, const B& beta, const M& mean, const V& variance, double epsilon = 1e-3) {
  const auto scale = gamma * rsqrt(variance + epsilon);
  return x * scale + (beta - mean * scale);
}

/// (x [..., C], gamma [C], beta [C]) -> (x - mean) gamma / sqrt(variance + epsilon) + beta with the statistics of each row of C
/// (Ba, Kiros and Hinton, 2016). f32 and f64; 16-bit floats are computed in f32.
struct STRATA_API LayerNorm {
  double epsilon = 1e-3;
  static constexpr std::string_view name = "layer_norm";
  bool operator==(const LayerNorm&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (g, x, gamma) -> gradients of x, gamma and beta. It has no gradient of its own.
struct STRATA_API LayerNormGradient {
  double epsilon = 1e-3;
  static constexpr std::string_view name = "layer_norm_gradient";
  bool operator==(const LayerNormGradient&) const = default;
  Types infer(std::span<const Type> in) const;
  Values vjp(const Node& node, std::span<const Value> g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <Operand X, Operand G, Operand B>
auto layer_norm(const X& x, const G& gamma, const B& beta, double epsilon = 1e-3) {
  return apply(LayerNorm{epsilon}, x, gamma, beta);
}

}  // namespace strata
