#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/ops/binary.h"
#include "core/ops/concatenate.h"
#include "core/ops/reduce.h"
#include "core/ops/reshape.h"
#include "core/ops/softmax.h"
#include "core/ops/unary.h"

namespace strata {

/// A function of one array that layers apply to what they compute. From Keras's names in lower case ("relu", "swish",
/// ...) with their default arguments, or from a function Value -> Value. Empty and "linear" are the identity; an
/// unknown name is an error: "Could not interpret activation function identifier: foo".
class STRATA_API Activation {
 public:
  using Function = std::function<Value(Value)>;
  Activation() = default;
  Activation(const char* identifier);
  Activation(const std::string& identifier);
  template <class F>
  requires(!std::same_as<F, Activation> && std::is_invocable_r_v<Value, F, Value>) Activation(F function)
      : name_("<lambda>"), function_(std::move(function)) {}

  bool is_linear() const { return function_ == nullptr; }
  Value operator()(const Value& x) const { return function_ ? function_(x) : x; }
  /// Keras's name of the function; "<lambda>" for one of the user's.
  const std::string& name() const { return name_; }

 private:
  std::string name_ = "linear";
  Function function_;
};

/// The name; a user's function that was not registered is an error. From a name, from Keras 3's object of a registered
/// function or of an activation layer without arguments, or from null.
STRATA_API ConfigValue to_config(const Activation&);
STRATA_API void from_config(const ConfigValue&, Activation&);
/// Makes a function of one's own known to files and to identifiers.
STRATA_API void register_activation(const std::string& name, Activation::Function function);
STRATA_API std::vector<std::string> activation_names();

/// Keras's activation functions, on tensors, values and symbols, out of the functions of core/ops.
namespace activations {

struct ReluOptions {
  double negative_slope = 0.0;
  std::optional<double> max_value = {};
  double threshold = 0.0;
};
struct SlopeOptions {
  double negative_slope = 0.2;
};
struct AlphaOptions {
  double alpha = 1.0;
};
struct GeluOptions {
  bool approximate = false;
};
struct ShrinkOptions {
  double threshold = 0.5;
};
struct AxisOptions {
  std::int64_t axis = -1;
};
struct SquareplusOptions {
  double b = 4.0;
};

template <ArrayOperand A>
A linear(const A& x) {
  return x;
}
template <ArrayOperand A>
auto leaky_relu(const A& x, SlopeOptions o = {}) {
  return where(x > 0.0, x, o.negative_slope * x);
}
template <ArrayOperand A>
auto relu6(const A& x) {
  return where(x < 6.0, strata::relu(x), 6.0);
}

/// max_value where x >= max_value, x between threshold and max_value, negative_slope * (x - threshold) below.
template <ArrayOperand A>
auto relu(const A& x, const ReluOptions& o = {}) {
  if (o.negative_slope != 0.0 && !o.max_value && o.threshold == 0.0)
    return leaky_relu(x, {.negative_slope = o.negative_slope});
  auto y = o.threshold != 0.0 ? where(x > o.threshold, x, 0.0) : strata::relu(x);
  if (o.max_value) y = clip(y, 0.0, *o.max_value);
  if (o.negative_slope != 0.0) y = y - o.negative_slope * strata::relu(o.threshold - x);
  return y;
}

/// x where x > 0, alpha * (exp(x) - 1) elsewhere.
template <ArrayOperand A>
auto elu(const A& x, AlphaOptions o = {}) {
  return where(x > 0.0, x, o.alpha * expm1(minimum(x, 0.0)));
}
/// max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))
template <ArrayOperand A>
auto celu(const A& x, AlphaOptions o = {}) {
  return maximum(x, 0.0) + o.alpha * expm1(minimum(x, 0.0) / o.alpha);
}
/// 1.0507... * elu(x, 1.6733...): Klambauer and others, "Self-normalizing neural networks", 2017. Slope 1.0507... at 0.
template <ArrayOperand A>
auto selu(const A& x) {
  constexpr double scale = 1.0507009873554805, alpha = 1.6732632423543772;
  return where(x >= 0.0, scale * x, scale * alpha * expm1(minimum(x, 0.0)));
}
/// x * Phi(x) with the normal distribution function, or its approximation by tanh.
template <ArrayOperand A>
auto gelu(const A& x, GeluOptions o = {}) {
  if (o.approximate) return 0.5 * x * (1.0 + strata::tanh(0.7978845608028654 * (x + 0.044715 * (x * x * x))));
  return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}
template <ArrayOperand A>
auto sigmoid(const A& x) {
  return strata::sigmoid(x);
}
template <ArrayOperand A>
auto tanh(const A& x) {
  return strata::tanh(x);
}
template <ArrayOperand A>
auto softplus(const A& x) {
  return strata::softplus(x);
}
template <ArrayOperand A>
auto exponential(const A& x) {
  return exp(x);
}
/// x * sigmoid(x), also called swish.
template <ArrayOperand A>
auto silu(const A& x) {
  return x * strata::sigmoid(x);
}
/// relu6(x + 3) / 6
template <ArrayOperand A>
auto hard_sigmoid(const A& x) {
  return relu6(x + 3.0) / 6.0;
}
template <ArrayOperand A>
auto hard_silu(const A& x) {
  return x * hard_sigmoid(x);
}
template <ArrayOperand A>
auto mish(const A& x) {
  return x * strata::tanh(strata::softplus(x));
}
template <ArrayOperand A>
auto softsign(const A& x) {
  return x / (1.0 + abs(x));
}
template <ArrayOperand A>
auto log_sigmoid(const A& x) {
  return -strata::softplus(-x);
}
/// 0 up to -1, 1 from 1 on, (x + 1) / 2 between.
template <ArrayOperand A>
auto sparse_sigmoid(const A& x) {
  return where(x <= -1.0, 0.0, where(x >= 1.0, 1.0, 0.5 * (x + 1.0)));
}
template <ArrayOperand A>
auto hard_tanh(const A& x) {
  return clip(x, -1.0, 1.0);
}
template <ArrayOperand A>
auto tanh_shrink(const A& x) {
  return x - strata::tanh(x);
}
/// 0 within [-threshold, threshold].
template <ArrayOperand A>
auto hard_shrink(const A& x, ShrinkOptions o = {}) {
  return where(abs(x) > o.threshold, x, 0.0);
}
/// Toward 0 by threshold, 0 within [-threshold, threshold].
template <ArrayOperand A>
auto soft_shrink(const A& x, ShrinkOptions o = {}) {
  return strata::relu(x - o.threshold) - strata::relu(-x - o.threshold);
}
/// x where x > limit, `value` elsewhere.
template <ArrayOperand A>
auto threshold(const A& x, double limit, double value) {
  return where(x > limit, x, value);
}
/// (x + sqrt(x^2 + b)) / 2
template <ArrayOperand A>
auto squareplus(const A& x, SquareplusOptions o = {}) {
  return 0.5 * (x + sqrt(square(x) + o.b));
}
/// 0 below -1, x above 1, (x + 1)^2 / 4 between.
template <ArrayOperand A>
auto sparse_plus(const A& x) {
  return where(x <= -1.0, 0.0, where(x < 1.0, 0.25 * square(x + 1.0), x));
}
template <ArrayOperand A>
auto softmax(const A& x, AxisOptions o = {}) {
  return strata::softmax(x, o.axis);
}
template <ArrayOperand A>
auto log_softmax(const A& x, AxisOptions o = {}) {
  return strata::log_softmax(x, o.axis);
}
/// The first half along the axis times the sigmoid of the second. Error unless the size is even.
template <ArrayOperand A>
auto glu(const A& x, AxisOptions o = {}) {
  const auto halves = split(x, 2, o.axis);
  return halves[0] * strata::sigmoid(halves[1]);
}

/// max(x - t, 0) along the axis. With the entries in falling order, S_k the sum of the first k, and K the last k for
/// which 1 + k x_k > S_k, Keras 3 takes t = (S_1 + ... + S_K - 1) / K, and so does this. (Martins and Astudillo, "From
/// softmax to sparsemax", 2016, have S_K there, which differs for K > 1.) All pairs are compared: memory of the axis'
/// size squared.
template <ArrayOperand A>
auto sparsemax(const A& input, AxisOptions o = {}) {
  const auto x = detail::as_floating(input);
  const std::int64_t axis = o.axis < 0 ? o.axis + x.shape().rank() : o.axis;
  const auto mine = stop_gradient(expand_dims(x, axis + 1)), other = stop_gradient(expand_dims(x, axis));
  const auto not_smaller = cast(other >= mine, x.dtype()), larger = cast(other > mine, x.dtype());
  const auto count = sum(not_smaller, {axis + 1}), total = sum(not_smaller * other, {axis + 1});
  const auto place = 0.5 * (sum(larger, {axis + 1}) + count + 1.0);  // in falling order; equal entries share the mean
  const auto in_support = cast(1.0 + count * stop_gradient(x) > total, x.dtype());
  const ReduceOptions keep{.keepdims = true};
  const auto size = sum(in_support, {axis}, keep);
  const auto threshold = (sum(in_support * (size - place + 1.0) * x, {axis}, keep) - 1.0) / size;
  return maximum(x - threshold, 0.0);
}

}  // namespace activations
}  // namespace strata
