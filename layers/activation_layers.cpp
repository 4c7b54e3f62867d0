#include "layers/activation_layers.h"

#include <algorithm>

#include "core/ops/repeat.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto activation_arguments = [](auto& field, auto& activation, auto&...) {
  field.required("activation", activation);
};
constexpr auto relu_arguments = [](auto& field, auto& o) {
  field("max_value", o.max_value);
  field("negative_slope", o.negative_slope);
  field("threshold", o.threshold);
};
constexpr auto leaky_relu_arguments = [](auto& field, auto& o) { field("negative_slope", o.negative_slope, "alpha"); };
constexpr auto prelu_arguments = [](auto& field, auto& o) {
  field("alpha_initializer", o.alpha_initializer);
  field("alpha_regularizer", o.alpha_regularizer);
  field("alpha_constraint", o.alpha_constraint);
  field("shared_axes", o.shared_axes);
};
constexpr auto elu_arguments = [](auto& field, auto& o) { field("alpha", o.alpha); };
constexpr auto softmax_arguments = [](auto& field, auto& o) { field("axis", o.axis); };

class ActivationLayer final : public Definition {
 public:
  explicit ActivationLayer(strata::Activation activation) : activation_(std::move(activation)) {}
  Value call(Value x, Mode) override { return activation_(to_compute(x)); }
  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(activation_arguments, activation_); }

 private:
  strata::Activation activation_;
};

class ReLULayer final : public Definition {
 public:
  explicit ReLULayer(activations::ReluOptions options) : o_(options) {}
  Value call(Value x, Mode) override { return activations::relu(to_compute(x), o_); }
  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(relu_arguments, o_); }

 private:
  activations::ReluOptions o_;
};

class LeakyReLULayer final : public Definition {
 public:
  explicit LeakyReLULayer(activations::SlopeOptions options) : o_(options) {}
  Value call(Value x, Mode) override { return activations::leaky_relu(to_compute(x), o_); }
  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(leaky_relu_arguments, o_); }

 private:
  activations::SlopeOptions o_;
};

class PReLULayer final : public Definition {
 public:
  explicit PReLULayer(PReLUOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    const Shape& input = inputs[0];
    require_min_rank(describe(), input, 1);
    for (const std::int64_t axis : o_.shared_axes)
      if (axis >= input.rank())
        fail_expected(describe(), "shared_axes below the input's rank " + std::to_string(input.rank()), std::to_string(axis));
    if (!built()) return;
    require_rank(describe(), input, alpha_.shape().rank() + 1);
    for (int axis = 1; axis < input.rank(); ++axis)
      if (!is_shared(axis)) require_axis(describe(), input, axis, alpha_.shape()[axis - 1]);
  }

  void build(const Shape& input) override {
    Shape sizes;
    for (int axis = 1; axis < input.rank(); ++axis)
      sizes.push_back(is_shared(axis) ? 1 : known_size(describe(), input, axis));
    alpha_ = add_weight("alpha", sizes, o_.alpha_initializer,
                        {.regularizer = o_.alpha_regularizer, .constraint = o_.alpha_constraint});
  }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    return relu(x) - alpha_ * relu(-x);
  }

  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(prelu_arguments, o_); }

 private:
  bool is_shared(std::int64_t axis) const { return std::ranges::find(o_.shared_axes, axis) != o_.shared_axes.end(); }

  PReLUOptions o_;
  Variable alpha_;
};

class ELULayer final : public Definition {
 public:
  explicit ELULayer(activations::AlphaOptions options) : o_(options) {}
  Value call(Value x, Mode) override { return activations::elu(to_compute(x), o_); }
  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(elu_arguments, o_); }

 private:
  activations::AlphaOptions o_;
};

class SoftmaxLayer final : public Definition {
 public:
  explicit SoftmaxLayer(SoftmaxOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    normalize_axes(o_.axis.axes, inputs[0].rank(), describe());
  }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    const Value mask = current_mask();
    if (!mask) return probabilities(x);
    const Value counts = broadcast_to(mask, x.shape());  // lined up at the last axes, as in Keras
    const double large = x.dtype() == DType::f16 ? 3e4 : 1e9;
    return where(counts, probabilities(where(counts, x, -large)), 0.0);
  }

  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(softmax_arguments, o_); }

 private:
  Value probabilities(const Value& x) const {
    if (o_.axis.axes.size() == 1) return softmax(x, o_.axis.axes[0]);
    return exp(x - logsumexp(x, o_.axis.axes, {.keepdims = true}));
  }

  SoftmaxOptions o_;
};

void require_not_negative(std::string_view where, const std::string& argument, double value, const char* kind) {
  if (!(value >= 0))
    throw Error(where, argument + " of a " + kind + " layer cannot be a negative value. Received: " + argument + "=" +
                           to_python(value));
}
}  // namespace

Layer Activation(const strata::Activation& activation, const LayerArguments& o) {
  return make_named<ActivationLayer>("Activation", o.name, o.trainable, activation);
}

Layer ReLU(const ReLUOptions& o) {
  const std::string where = place("ReLU", o.name);
  if (o.max_value) require_not_negative(where, "max_value", *o.max_value, "ReLU");
  require_not_negative(where, "negative_slope", o.negative_slope, "ReLU");
  require_not_negative(where, "threshold", o.threshold, "ReLU");
  return make_named<ReLULayer>("ReLU", o.name, o.trainable,
                               activations::ReluOptions{o.negative_slope, o.max_value, o.threshold});
}

Layer LeakyReLU(const LeakyReLUOptions& o) {
  require_not_negative(place("LeakyReLU", o.name), "negative_slope", o.negative_slope, "Leaky ReLU");
  return make_named<LeakyReLULayer>("LeakyReLU", o.name, o.trainable, activations::SlopeOptions{o.negative_slope});
}

Layer PReLU(const PReLUOptions& o) {
  for (const std::int64_t axis : o.shared_axes)
    if (axis < 1) fail_expected(place("PReLU", o.name), "shared_axes of at least 1", std::to_string(axis));
  return make_named<PReLULayer>("PReLU", o.name, o.trainable, o);
}

Layer ELU(const ELUOptions& o) {
  return make_named<ELULayer>("ELU", o.name, o.trainable, activations::AlphaOptions{o.alpha});
}

Layer Softmax(const SoftmaxOptions& o) {
  if (o.axis.axes.empty()) fail_expected(place("Softmax", o.name), "at least one axis", "none");
  return make_named<SoftmaxLayer>("Softmax", o.name, o.trainable, o);
}

namespace {
const bool registered[] = {
    register_built_in("Activation", Activation, activation_arguments),
    register_built_in("ReLU", ReLU, relu_arguments),
    register_built_in("LeakyReLU", LeakyReLU, leaky_relu_arguments),
    register_built_in("PReLU", PReLU, prelu_arguments),
    register_built_in("ELU", ELU, elu_arguments),
    register_built_in("Softmax", Softmax, softmax_arguments),
};
}

}  // namespace strata::layers
