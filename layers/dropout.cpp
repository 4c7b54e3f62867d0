#include "layers/dropout.h"

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/config_values.h"

namespace strata::layers {
namespace {

/// Dropout with a mask of its own shape; an empty one is the input's.
class DropoutLayer : public Definition {
 public:
  DropoutLayer(double rate, std::int64_t seed, std::vector<std::int64_t> noise_shape)
      : rate_(rate), seed_(seed), noise_shape_(std::move(noise_shape)) {}

  void check_inputs(const Shapes& inputs) const override {
    const Shape& input = inputs[0];
    if (noise_shape_.empty()) return;
    const Shape noise(noise_shape_);
    bool fits = noise.rank() == input.rank();
    for (int i = 0; fits && i < noise.rank(); ++i)
      fits = noise[i] == open_dim || noise[i] == 1 || noise[i] == input[i] || input[i] == open_dim;
    if (!fits)
      fail_expected(describe(), "a noise_shape that broadcasts to the input's shape " + to_string(input),
                    to_string(noise));
  }

  void build(const Shape&) override {
    if (rate_ > 0) state_ = add_seed_state(seed_);
  }

  Value call(Value x, Mode mode) override {
    x = to_compute(x);
    if (mode != Mode::train || rate_ == 0) return x;
    const std::uint32_t stream = static_cast<std::uint32_t>(next_call_index(this));
    advance_seed(state_);
    return dropout(x, state_, rate_, stream, Shape(noise_shape_));
  }

  Config config() const override {
    ConfigValue noise = nullptr;
    if (!noise_shape_.empty()) {
      ConfigValue::List sizes;
      for (const std::int64_t size : noise_shape_)
        if (size == open_dim)
          sizes.emplace_back(nullptr);
        else
          sizes.emplace_back(size);
      noise = std::move(sizes);
    }
    return {{"rate", rate_}, {"seed", seed_to_config(seed_)}, {"noise_shape", noise}};
  }

 protected:
  double rate_;
  std::int64_t seed_;

 private:
  std::vector<std::int64_t> noise_shape_;
  Variable state_;
};

class SpatialDropout2DLayer final : public DropoutLayer {
 public:
  SpatialDropout2DLayer(double rate, std::int64_t seed) : DropoutLayer(rate, seed, {open_dim, 1, 1, open_dim}) {}
  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 4); }
  Config config() const override {
    return {{"rate", rate_}, {"seed", seed_to_config(seed_)}, {"data_format", "channels_last"}};
  }
};

void require_rate(std::string_view where, double rate) {
  if (rate >= 0 && rate <= 1) return;
  const std::string text = to_python(rate);
  throw Error(
      where,
      "Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: rate=" + text);
}
}  // namespace

Layer Dropout(double rate, const DropoutOptions& o) {
  const std::string where = place("Dropout", o.name);
  require_rate(where, rate);
  for (const std::int64_t size : o.noise_shape)
    if (size < 1 && size != open_dim)
      fail_expected(where, "a noise_shape of positive sizes or -1", to_string(Shape(o.noise_shape)));
  return make_named<DropoutLayer>("Dropout", o.name, o.trainable, rate, o.seed, o.noise_shape);
}

Layer SpatialDropout2D(double rate, const SpatialDropout2DOptions& o) {
  const std::string where = place("SpatialDropout2D", o.name);
  require_rate(where, rate);
  require_channels_last(where, o.data_format);
  return make_named<SpatialDropout2DLayer>("SpatialDropout2D", o.name, o.trainable, rate, o.seed);
}

}  // namespace strata::layers
