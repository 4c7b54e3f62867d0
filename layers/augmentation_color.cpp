// Layers that change the colours of images.
#include <algorithm>

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
constexpr auto invert_arguments = [](auto& field, auto& factor, auto& o) {
  field("data_format", o.data_format);
  field("factor", factor);
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
template <class Options, const auto& arguments>
class ColorLayer : public Augmentation {
 public:
  ColorLayer(const Interval& factor, Options options)
      : Augmentation(options.seed), factor_(factor), o_(std::move(options)) {}
  Config config() const override { return write_arguments(arguments, factor_, o_); }

 protected:
  Value clipped(const Value& images) const { return clip(images, o_.value_range.lower, o_.value_range.upper); }
  double width() const { return o_.value_range.upper - o_.value_range.lower; }
  Interval factor_;
  Options o_;
};

/// One that needs red, green and blue.
class ThreeColorLayer : public ColorLayer<RandomHueOptions, color_arguments> {
 public:
  using ColorLayer::ColorLayer;
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    require_colours(describe(), inputs[0]);
  }
};

class RandomContrastLayer final : public ColorLayer<RandomContrastOptions, contrast_arguments> {
 public:
  using ColorLayer::ColorLayer;
  Transformation transformation(const Shape&, const Draws& draws) const override {
    const Value factors = draws.each({1 - factor_.lower, 1 + factor_.upper});
    return [=, this](const Value& images) { return clipped(image::adjust_contrast(images, factors)); };
  }
};

class RandomBrightnessLayer final : public ColorLayer<RandomBrightnessOptions, contrast_arguments> {
 public:
  using ColorLayer::ColorLayer;
  Transformation transformation(const Shape&, const Draws& draws) const override {
    const Value deltas = draws.each(factor_) * width();
    return [=, this](const Value& images) { return clipped(image::adjust_brightness(images, deltas)); };
  }
};

class RandomHueLayer final : public ThreeColorLayer {
 public:
  using ThreeColorLayer::ThreeColorLayer;
  Transformation transformation(const Shape&, const Draws& draws) const override {
    const Value side = 1 - 2 * cast(draws.each({0, 1}) > 0.5, DType::f32);
    const Value deltas = draws.each(factor_) * side * 0.5;
    return [=, this](const Value& images) -> Value {
      const Value turned = image::adjust_hue<Value>((images - o_.value_range.lower) * (1 / width()), deltas);
      return clip(turned, 0, 1) * width() + o_.value_range.lower;
    };
  }
};

class RandomSaturationLayer final : public ThreeColorLayer {
 public:
  using ThreeColorLayer::ThreeColorLayer;
  // Keras clips the saturation to the value range of the images, although 1 is the most there is.
  Transformation transformation(const Shape&, const Draws& draws) const override {
    const Value f = draws.each(factor_), multipliers = f / (1 - f + 1e-7);
    return [=, this](const Value& images) {
      const Values hsv = split(image::rgb_to_hsv(images), std::int64_t{3}, -1);
      const Value saturation = clipped(hsv[1] * per_image(multipliers, images));
      return image::hsv_to_rgb(concatenate(Values{hsv[0], saturation, hsv[2]}, -1));
    };
  }
};

class RandomColorDegenerationLayer final : public ThreeColorLayer {
 public:
  using ThreeColorLayer::ThreeColorLayer;
  Transformation transformation(const Shape&, const Draws& draws) const override {
    const Value shares = draws.each(factor_);
    return [=, this](const Value& images) {
      return clipped(images + per_image(shares, images) * (image::rgb_to_grayscale(images) - images));
    };
  }
};

class RandomSharpnessLayer final : public ColorLayer<RandomSharpnessOptions, color_arguments> {
 public:
  using ColorLayer::ColorLayer;
  Transformation transformation(const Shape&, const Draws& draws) const override {
    const Value blurring = 1 - 2 * draws.each(factor_);
    return [=, this](const Value& images) {
      return clipped(images + per_image(blurring, images) * (smoothed(images) - images));
    };
  }

 private:
  /// Weighted means of 3 x 3 pixels, those beyond the border being 0.
  static Value smoothed(const Value& images) {
    const std::int64_t channels = images.shape()[3];
    Tensor kernel = full({3, 3, channels, 1}, 1.0 / 13);
    std::fill_n(kernel.mutable_data<float>().begin() + 4 * channels, channels, static_cast<float>(5.0 / 13));
    return depthwise_conv2d(images, cast(constant(kernel), images.dtype()), {.padding = Padding::same});
  }
};

class RandomInvertLayer final : public ColorLayer<RandomInvertOptions, invert_arguments> {
 public:
  using ColorLayer::ColorLayer;
  // From the upper end alone: Keras leaves the lower one out.
  Transformation transformation(const Shape& shape, const Draws& draws) const override {
    const Value chances = draws.each(factor_);
    const Value chosen = reshape(draws.each({0, 1}) < chances, {shape[0], 1, 1, 1});
    return [=, this](const Value& images) -> Value { return where(chosen, o_.value_range.upper - images, images); };
  }
};

class RandomGrayscaleLayer final : public Augmentation {
 public:
  RandomGrayscaleLayer(double factor, RandomGrayscaleOptions options)
      : Augmentation(options.seed), factor_(factor), o_(std::move(options)) {}
  Config config() const override { return write_arguments(grayscale_arguments, factor_, o_); }
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    if (inputs[0].back() != 1) require_colours(describe(), inputs[0]);
  }
  Transformation transformation(const Shape& shape, const Draws& draws) const override {
    const Value chosen = reshape(draws.each({0, 1}) < factor_, {shape[0], 1, 1, 1});
    return [=](const Value& images) -> Value { return where(chosen, image::rgb_to_grayscale(images), images); };
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

Layer RandomSharpness(const Interval& factor, const RandomSharpnessOptions& o) {
  return make_color<RandomSharpnessLayer>("RandomSharpness", factor, 0, o);
}
Layer RandomInvert(const Interval& factor, const RandomInvertOptions& o) {
  return make_color<RandomInvertLayer>("RandomInvert", factor, 0, o);
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
    register_built_in("RandomSharpness", RandomSharpness, color_arguments),
    register_built_in("RandomInvert", RandomInvert, invert_arguments),
    register_built_in("RandomGrayscale", RandomGrayscale, grayscale_arguments),
};
}

}  // namespace strata::layers
