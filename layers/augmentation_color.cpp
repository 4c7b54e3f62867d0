// Layers that change the colours of images.
#include "core/ops/ops.h"
#include "layers/augmentation.h"
#include "layers/augmentation_layer.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto contrast_arguments = [](auto& field, auto& factor, auto& o) {
  field.required("factor", factor);
  field("value_range", o.value_range);
  field.seed("seed", o.seed);
  field.accepted("data_format", "channels_last");
};
constexpr auto color_arguments = [](auto& field, auto& factor, auto& o) {
  field("data_format", o.data_format);
  field.required("factor", factor);
  field("value_range", o.value_range);
  field.seed("seed", o.seed);
};
constexpr auto grayscale_arguments = [](auto& field, auto& factor, auto& o) {
  field("data_format", o.data_format);
  field.required("factor", factor);
  if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, ArgumentWriter>)
    if (o.seed < 0) return;  // Keras leaves the seed out of the config
  field.seed("seed", o.seed);
};

/// A layer with a factor and a value range.
template <class Options>
class ColorLayer : public Augmentation {
 public:
  ColorLayer(const Interval& factor, Options options)
      : Augmentation(options.seed), factor_(factor), o_(std::move(options)) {}

 protected:
  Value clipped(const Value& images) const { return clip(images, o_.value_range.lower, o_.value_range.upper); }
  double width() const { return o_.value_range.upper - o_.value_range.lower; }
  /// Those of three channels, said with the layer's name.
  void require_colours(const Shape& images) const { require_axis(describe(), images, -1, 3); }
  Interval factor_;
  Options o_;
};

class RandomContrastLayer final : public ColorLayer<RandomContrastOptions> {
 public:
  using ColorLayer::ColorLayer;
  Config config() const override { return write_arguments(contrast_arguments, factor_, o_); }

 protected:
  Value augmented(const Value& images) const override {
    return clipped(image::adjust_contrast(images, draw(images, {1 - factor_.lower, 1 + factor_.upper})));
  }
};

class RandomBrightnessLayer final : public ColorLayer<RandomBrightnessOptions> {
 public:
  using ColorLayer::ColorLayer;
  Config config() const override { return write_arguments(contrast_arguments, factor_, o_); }

 protected:
  Value augmented(const Value& images) const override {
    return clipped(image::adjust_brightness<Value>(images, draw(images, factor_) * width()));
  }
};

class RandomHueLayer final : public ColorLayer<RandomHueOptions> {
 public:
  using ColorLayer::ColorLayer;
  Config config() const override { return write_arguments(color_arguments, factor_, o_); }
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    require_colours(inputs[0]);
  }

 protected:
  Value augmented(const Value& images) const override {
    const Value side = 1 - 2 * cast(draw(images, {0, 1}) > 0.5, DType::f32);
    const Value turned =
        image::adjust_hue<Value>((images - o_.value_range.lower) * (1 / width()), draw(images, factor_) * side * 0.5);
    return clip(turned, 0, 1) * width() + o_.value_range.lower;
  }
};

class RandomSaturationLayer final : public ColorLayer<RandomSaturationOptions> {
 public:
  using ColorLayer::ColorLayer;
  Config config() const override { return write_arguments(color_arguments, factor_, o_); }
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    require_colours(inputs[0]);
  }

 protected:
  // Keras clips the saturation to the value range of the images, although 1 is the most there is.
  Value augmented(const Value& images) const override {
    const Value f = draw(images, factor_);
    const Value multiplier = reshape(f / (1 - f + 1e-7), {images.shape()[0], 1, 1, 1});
    const Values hsv = split(image::rgb_to_hsv(images), std::int64_t{3}, -1);
    return image::hsv_to_rgb(
        concatenate(Values{hsv[0], clipped(hsv[1] * cast(multiplier, images.dtype())), hsv[2]}, -1));
  }
};

class RandomColorDegenerationLayer final : public ColorLayer<RandomColorDegenerationOptions> {
 public:
  using ColorLayer::ColorLayer;
  Config config() const override { return write_arguments(color_arguments, factor_, o_); }
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    require_colours(inputs[0]);
  }

 protected:
  Value augmented(const Value& images) const override {
    const Value share = cast(reshape(draw(images, factor_), {images.shape()[0], 1, 1, 1}), images.dtype());
    return clipped(images + share * (image::rgb_to_grayscale(images) - images));
  }
};

class RandomGrayscaleLayer final : public Augmentation {
 public:
  RandomGrayscaleLayer(double factor, RandomGrayscaleOptions options)
      : Augmentation(options.seed), factor_(factor), o_(std::move(options)) {}
  Config config() const override { return write_arguments(grayscale_arguments, factor_, o_); }
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    if (inputs[0].back() != 1) require_axis(describe(), inputs[0], -1, 3);
  }

 protected:
  Value augmented(const Value& images) const override {
    const Value chosen = reshape(draw(images, {0, 1}) < factor_, {images.shape()[0], 1, 1, 1});
    return where(chosen, image::rgb_to_grayscale(images), images);
  }

 private:
  double factor_;
  RandomGrayscaleOptions o_;
};

/// The layer with its factor and value range in standard form.
template <class L, class Options>
Layer make_color(const char* class_name, const Interval& factor, double lowest, Options o) {
  const std::string where = place(class_name, o.name);
  o.value_range = value_range(where, o.value_range);
  if constexpr (requires { o.data_format; }) require_channels_last(where, o.data_format);
  return make_named<L>(class_name, o.name, o.trainable, signed_factor(where, "factor", factor, lowest, 1), o);
}
}  // namespace

Layer RandomContrast(const Interval& factor, const RandomContrastOptions& o) {
  return make_color<RandomContrastLayer>("RandomContrast", factor, 0, o);
}
Layer RandomBrightness(const Interval& factor, const RandomBrightnessOptions& o) {
  return make_color<RandomBrightnessLayer>("RandomBrightness", factor, -1, o);
}
Layer RandomHue(const Interval& factor, const RandomHueOptions& o) {
  return make_color<RandomHueLayer>("RandomHue", factor, 0, o);
}
Layer RandomSaturation(const Interval& factor, const RandomSaturationOptions& o) {
  return make_color<RandomSaturationLayer>("RandomSaturation", factor, -1, o);
}
Layer RandomColorDegeneration(const Interval& factor, const RandomColorDegenerationOptions& o) {
  return make_color<RandomColorDegenerationLayer>("RandomColorDegeneration", factor, -1, o);
}

Layer RandomGrayscale(double factor, const RandomGrayscaleOptions& o) {
  const std::string where = place("RandomGrayscale", o.name);
  if (!(factor >= 0 && factor <= 1))
    throw Error(where, "`factor` should be between 0 and 1. Received: factor=" + to_python(factor));
  require_channels_last(where, o.data_format);
  return make_named<RandomGrayscaleLayer>("RandomGrayscale", o.name, o.trainable, factor, o);
}

namespace {
const bool registered[] = {
    register_built_in("RandomContrast", RandomContrast, contrast_arguments),
    register_built_in("RandomBrightness", RandomBrightness, contrast_arguments),
    register_built_in("RandomHue", RandomHue, color_arguments),
    register_built_in("RandomSaturation", RandomSaturation, color_arguments),
    register_built_in("RandomColorDegeneration", RandomColorDegeneration, color_arguments),
    register_built_in("RandomGrayscale", RandomGrayscale, grayscale_arguments),
};
}

}  // namespace strata::layers
