#include "layers/dropout.h"

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"
#include "layers/without_trainable.h"

namespace strata::layers {
namespace {

constexpr auto arguments = [](auto& field, auto& rate, auto& o) {
  field.required("rate", rate);
  field.seed("seed", o.seed);
  field("noise_shape", o.noise_shape);
};
constexpr auto spatial_1d_arguments = [](auto& field, auto& rate, auto& o) {
  field.required("rate", rate);
  field.seed("seed", o.seed);
};
constexpr auto spatial_arguments = [](auto& field, auto& rate, auto& o) {
  spatial_1d_arguments(field, rate, o);
  field("data_format", o.data_format);
};

/// Drops with a mask of its own shape; an empty one is the input's.
class DropoutBase : public Definition {
 public:
  DropoutBase(double rate, std::int64_t seed) : rate_(rate), seed_(seed) {}

  void build(const Shape&) override {
    if (rate_ > 0) state_ = add_seed_state(seed_);
  }

  bool supports_masking() const override { return true; }

  Value call(Value x, Mode mode) override {
    x = to_compute(x);
    if (mode != Mode::train || rate_ == 0) return x;
    const auto stream = static_cast<std::uint32_t>(next_call_index(this));
    advance_seed(state_);
    return dropout(x, state_, rate_, stream, noise_shape());
  }

 protected:
  virtual Shape noise_shape() const = 0;
  double rate_;

 private:
  std::int64_t seed_;
  Variable state_;
};

class DropoutLayer final : public DropoutBase {
 public:
  DropoutLayer(double rate, DropoutOptions options) : DropoutBase(rate, options.seed), o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override { require_noise_shape(describe(), noise_shape(), inputs[0]); }

  Config config() const override { return write_arguments(arguments, rate_, o_); }

 protected:
  Shape noise_shape() const override { return Shape(o_.noise_shape); }

 private:
  DropoutOptions o_;
};

/// One fate for each sample and channel. `Options` is that of the layer, with as many axes between the two.
template <class Options, int spatial_axes>
class SpatialDropoutLayer final : public DropoutBase {
 public:
  SpatialDropoutLayer(double rate, Options options) : DropoutBase(rate, options.seed), o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], spatial_axes + 2); }

  Config common_config() const override { return without_trainable(DropoutBase::common_config()); }
  Config config() const override {
    if constexpr (spatial_axes == 1)
      return write_arguments(spatial_1d_arguments, rate_, o_);
    else
      return write_arguments(spatial_arguments, rate_, o_);
  }

 protected:
  Shape noise_shape() const override {
    Shape shape(std::vector<std::int64_t>(spatial_axes + 2, 1));
    shape[0] = shape[-1] = open_dim;
    return shape;
  }

 private:
  Options o_;
};
}  // namespace

Layer Dropout(double rate, const DropoutOptions& o) {
  const std::string where = place("Dropout", o.name);
  require_fraction(where, "rate", rate);
  require_noise_sizes(where, Shape(o.noise_shape));
  return make_named<DropoutLayer>("Dropout", o.name, o.trainable, rate, o);
}

Layer SpatialDropout1D(double rate, const SpatialDropout1DOptions& o) {
  require_fraction(place("SpatialDropout1D", o.name), "rate", rate);
  return make_named<SpatialDropoutLayer<SpatialDropout1DOptions, 1>>("SpatialDropout1D", o.name, o.trainable, rate, o);
}

Layer SpatialDropout2D(double rate, const SpatialDropout2DOptions& o) {
  const std::string where = place("SpatialDropout2D", o.name);
  require_fraction(where, "rate", rate);
  require_channels_last(where, o.data_format);
  return make_named<SpatialDropoutLayer<SpatialDropout2DOptions, 2>>("SpatialDropout2D", o.name, o.trainable, rate, o);
}

Layer SpatialDropout3D(double rate, const SpatialDropout3DOptions& o) {
  const std::string where = place("SpatialDropout3D", o.name);
  require_fraction(where, "rate", rate);
  require_channels_last(where, o.data_format);
  return make_named<SpatialDropoutLayer<SpatialDropout3DOptions, 3>>("SpatialDropout3D", o.name, o.trainable, rate, o);
}

namespace {
const bool registered[] = {
    register_built_in("Dropout", Dropout, arguments),
    register_built_in("SpatialDropout1D", SpatialDropout1D, spatial_1d_arguments),
    register_built_in("SpatialDropout2D", SpatialDropout2D, spatial_arguments),
    register_built_in("SpatialDropout3D", SpatialDropout3D, spatial_arguments),
};
}

}  // namespace strata::layers
