#include "layers/activation_layers.h"

#include "layers/checks.h"
#include "layers/config_values.h"

namespace strata::layers {
namespace {

class ActivationLayer final : public Definition {
 public:
  explicit ActivationLayer(strata::Activation activation) : activation_(std::move(activation)) {}
  Value call(Value x, Mode) override { return activation_(to_compute(x)); }
  Config config() const override { return {{"activation", to_config(activation_)}}; }

 private:
  strata::Activation activation_;
};

class ReLULayer final : public Definition {
 public:
  explicit ReLULayer(activations::ReluOptions options) : o_(options) {}
  Value call(Value x, Mode) override { return activations::relu(to_compute(x), o_); }
  Config config() const override {
    return {{"max_value", to_config(o_.max_value)}, {"negative_slope", o_.negative_slope}, {"threshold", o_.threshold}};
  }

 private:
  activations::ReluOptions o_;
};

class LeakyReLULayer final : public Definition {
 public:
  explicit LeakyReLULayer(double negative_slope) : negative_slope_(negative_slope) {}
  Value call(Value x, Mode) override {
    return activations::leaky_relu(to_compute(x), {.negative_slope = negative_slope_});
  }
  Config config() const override { return {{"negative_slope", negative_slope_}}; }

 private:
  double negative_slope_;
};

class SoftmaxLayer final : public Definition {
 public:
  explicit SoftmaxLayer(std::int64_t axis) : axis_(axis) {}
  void check_inputs(const Shapes& inputs) const override { normalize_axis(axis_, inputs[0].rank(), describe()); }
  Value call(Value x, Mode) override { return softmax(to_compute(x), axis_); }
  Config config() const override { return {{"axis", axis_}}; }

 private:
  std::int64_t axis_;
};

void require_not_negative(std::string_view where, const std::string& argument, double value) {
  if (!(value >= 0))
    throw Error(where, argument + " of a ReLU layer cannot be a negative value. Received: " + argument + "=" +
                           to_python(value));
}
}  // namespace

Layer Activation(const strata::Activation& activation, const LayerArguments& o) {
  return make_named<ActivationLayer>("Activation", o.name, o.trainable, activation);
}

Layer ReLU(const ReLUOptions& o) {
  const std::string where = place("ReLU", o.name);
  if (o.max_value) require_not_negative(where, "max_value", *o.max_value);
  require_not_negative(where, "negative_slope", o.negative_slope);
  require_not_negative(where, "threshold", o.threshold);
  return make_named<ReLULayer>("ReLU", o.name, o.trainable,
                               activations::ReluOptions{o.negative_slope, o.max_value, o.threshold});
}

Layer LeakyReLU(const LeakyReLUOptions& o) {
  return make_named<LeakyReLULayer>("LeakyReLU", o.name, o.trainable, o.negative_slope);
}

Layer Softmax(const SoftmaxOptions& o) { return make_named<SoftmaxLayer>("Softmax", o.name, o.trainable, o.axis); }

}  // namespace strata::layers
