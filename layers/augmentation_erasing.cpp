// The layer that fills a rectangle of an image.
#include "core/ops/ops.h"
#include "layers/augmentation.h"
#include "layers/augmentation_layer.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {

ConfigValue to_config(const FillValue& v) {
  if (v.single) return v.channels[0];
  ConfigValue::List list;
  for (const double x : v.channels) list.emplace_back(x);
  return list;
}

void from_config(const ConfigValue& c, FillValue& v) {
  if (!std::holds_alternative<ConfigValue::List>(c.variant())) {
    v = FillValue(c.as_double());
    return;
  }
  const ConfigValue::List& list = c.as_list();
  if (list.size() != 3)
    throw Error("fill_value", "expected a number or three; received " + std::to_string(list.size()));
  v = FillValue(list[0].as_double(), list[1].as_double(), list[2].as_double());
}

namespace {
constexpr auto erasing_arguments = [](auto& field, auto& o) {
  field("data_format", o.data_format);
  field("factor", o.factor);
  field("scale", o.scale);
  field("fill_value", o.fill_value);
  field("value_range", o.value_range);
  field.seed("seed", o.seed);
};

class RandomErasingLayer final : public Augmentation {
 public:
  explicit RandomErasingLayer(RandomErasingOptions options) : Augmentation(options.seed), o_(std::move(options)) {}
  Config config() const override { return write_arguments(erasing_arguments, o_); }
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    if (o_.fill_value && !o_.fill_value->single) require_colours(describe(), inputs[0]);
  }

  Transformation transformation(const Shape& shape, const Draws& draws) const override {
    const Value width = sqrt(draws.each(o_.scale)) * static_cast<double>(shape[2]);
    const Value height = sqrt(draws.each(o_.scale)) * static_cast<double>(shape[1]);
    const Value in_columns = in_random_interval(draws, width, shape[2], 2);
    const Value in_rows = in_random_interval(draws, height, shape[1], 1);
    const Value chances = draws.each(o_.factor);
    const Value chosen = reshape(draws.each({0, 1}) < chances, {shape[0], 1, 1, 1});
    const Value erased = logical_and(chosen, logical_and(in_rows, in_columns));
    const Value fill = filling(shape, draws);
    return [=](const Value& images) -> Value { return where(erased, cast(fill, images.dtype()), images); };
  }

 private:
  /// What erased pixels become, broadcasting to the images.
  Value filling(const Shape& shape, const Draws& draws) const {
    Value fill;
    if (!o_.fill_value) {
      fill = draws.normal(shape) * o_.value_range.upper;
    } else {
      const auto& [red, green, blue] = o_.fill_value->channels;
      fill = constant(o_.fill_value->single
                          ? Tensor::from<float>({1}, {static_cast<float>(red)})
                          : Tensor::from<float>(
                                {3}, {static_cast<float>(red), static_cast<float>(green), static_cast<float>(blue)}));
    }
    return clip(fill, o_.value_range.lower, o_.value_range.upper);
  }
  RandomErasingOptions o_;
};
}  // namespace

Layer RandomErasing(const RandomErasingOptions& options) {
  RandomErasingOptions o = options;
  const std::string where = place("RandomErasing", o.name);
  o.factor = signed_factor(where, "factor", o.factor, 0, 1);
  o.scale = signed_factor(where, "scale", o.scale, 0, 1);
  o.value_range = value_range(where, o.value_range);
  require_channels_last(where, o.data_format);
  return make_named<RandomErasingLayer>("RandomErasing", o.name, o.trainable, o);
}

namespace {
const bool registered = register_built_in("RandomErasing", RandomErasing, erasing_arguments);
}

}  // namespace strata::layers
