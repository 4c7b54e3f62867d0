#include "layers/noise.h"

#include <cmath>

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto noise_arguments = [](auto& field, auto& stddev, auto& o) {
  field.required("stddev", stddev);
  field.seed("seed", o.seed);
};
constexpr auto gaussian_dropout_arguments = [](auto& field, auto& rate, auto& o) {
  field.required("rate", rate);
  field.seed("seed", o.seed);
};
constexpr auto alpha_dropout_arguments = [](auto& field, auto& rate, auto& o) {
  gaussian_dropout_arguments(field, rate, o);
  field("noise_shape", o.noise_shape);
};

/// A layer that does something in training only, with random numbers, unless its amount is 0.
template <class Options>
class NoiseBase : public Definition {
 public:
  NoiseBase(double amount, Options options) : amount_(amount), o_(std::move(options)) {}

  void build(const Shape&) override {
    if (amount_ > 0) state_ = add_seed_state(o_.seed);
  }

  bool supports_masking() const override { return true; }

  Value call(Value x, Mode mode) override {
    x = to_compute(x);
    if (mode != Mode::train || amount_ == 0) return x;
    const auto stream = static_cast<std::uint32_t>(next_call_index(this));
    advance_seed(state_);
    return disturbed(x, stream);
  }

 protected:
  virtual Value disturbed(const Value& x, std::uint32_t stream) const = 0;
  Value normal_like(const Value& x, double mean, double stddev, std::uint32_t stream) const {
    return apply(RandomNormal{x.shape(), mean, stddev, stream, x.dtype()}, state_);
  }
  void require_below_one() const {
    if (amount_ == 1) fail_expected(describe(), "a rate below 1 in training", "1");
  }
  double amount_;
  Options o_;
  Variable state_;
};

class GaussianNoiseLayer final : public NoiseBase<NoiseOptions> {
 public:
  using NoiseBase::NoiseBase;
  Config config() const override { return write_arguments(noise_arguments, amount_, o_); }

 protected:
  Value disturbed(const Value& x, std::uint32_t stream) const override {
    return x + normal_like(x, 0, amount_, stream);
  }
};

class GaussianDropoutLayer final : public NoiseBase<NoiseOptions> {
 public:
  using NoiseBase::NoiseBase;
  Config config() const override { return write_arguments(gaussian_dropout_arguments, amount_, o_); }

 protected:
  Value disturbed(const Value& x, std::uint32_t stream) const override {
    require_below_one();
    return x * normal_like(x, 1, std::sqrt(amount_ / (1 - amount_)), stream);
  }
};

class AlphaDropoutLayer final : public NoiseBase<AlphaDropoutOptions> {
 public:
  using NoiseBase::NoiseBase;

  void check_inputs(const Shapes& inputs) const override { require_noise_shape(describe(), Shape(o_.noise_shape), inputs[0]); }
  Config config() const override { return write_arguments(alpha_dropout_arguments, amount_, o_); }

 protected:
  Value disturbed(const Value& x, std::uint32_t stream) const override {
    require_below_one();
    constexpr double lowest = -1.6732632423543772 * 1.0507009873554805;  // of SELU: -alpha scale
    const double scale = 1 / std::sqrt((1 - amount_) * (1 + amount_ * lowest * lowest));
    const double shift = -scale * lowest * amount_;
    Shape mask = o_.noise_shape.empty() ? x.shape() : Shape(o_.noise_shape);
    for (int axis = 0; axis < mask.rank(); ++axis)
      if (mask[axis] == open_dim) mask[axis] = x.shape()[axis];
    const Value kept = apply(RandomUniform{mask, 0, 1, stream, x.dtype()}, state_) >= amount_;
    return where(kept, x, lowest) * scale + shift;
  }
};
}  // namespace

Layer GaussianNoise(double stddev, const NoiseOptions& o) {
  require_fraction(place("GaussianNoise", o.name), "stddev", stddev);
  return make_named<GaussianNoiseLayer>("GaussianNoise", o.name, o.trainable, stddev, o);
}

Layer GaussianDropout(double rate, const NoiseOptions& o) {
  require_fraction(place("GaussianDropout", o.name), "rate", rate);
  return make_named<GaussianDropoutLayer>("GaussianDropout", o.name, o.trainable, rate, o);
}

Layer AlphaDropout(double rate, const AlphaDropoutOptions& o) {
  const std::string where = place("AlphaDropout", o.name);
  require_fraction(where, "rate", rate);
  require_noise_sizes(where, Shape(o.noise_shape));
  return make_named<AlphaDropoutLayer>("AlphaDropout", o.name, o.trainable, rate, o);
}

namespace {
const bool registered[] = {
    register_built_in("GaussianNoise", GaussianNoise, noise_arguments),
    register_built_in("GaussianDropout", GaussianDropout, gaussian_dropout_arguments),
    register_built_in("AlphaDropout", AlphaDropout, alpha_dropout_arguments),
};
}

}  // namespace strata::layers
