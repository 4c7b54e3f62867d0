// Layers that change how bright each number of an image is, whatever its neighbours.
#include <cmath>

#include "core/ops/equalize_images.h"
#include "core/ops/ops.h"
#include "layers/augmentation.h"
#include "layers/augmentation_layer.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto solarization_arguments = [](auto& field, auto& addition_factor, auto& threshold_factor, auto& o) {
  field("data_format", o.data_format);
  field("value_range", o.value_range);
  field("addition_factor", addition_factor);
  field("threshold_factor", threshold_factor);
  field.seed("seed", o.seed);
};
constexpr auto auto_contrast_arguments = [](auto& field, auto& o) {
  field("data_format", o.data_format);
  field("value_range", o.value_range);
};
constexpr auto equalization_arguments = [](auto& field, auto& o) {
  field("data_format", o.data_format);
  field("bins", o.bins);
  field("value_range", o.value_range);
};

constexpr Interval bytes{0, 255};
double width(const Interval& range) { return range.upper - range.lower; }

/// Images from one range in another. Rounded as Keras rounds it: what counts levels asks for whole numbers.
Value moved(const Value& images, const Interval& from, const Interval& to) {
  if (from == to) return images;
  return (images - from.lower) / width(from) * width(to) + to.lower;
}

class RandomPosterizationLayer final : public Augmentation {
 public:
  RandomPosterizationLayer(const Interval& factor, RandomPosterizationOptions options)
      : Augmentation(options.seed), factor_(factor), o_(std::move(options)) {}
  Config config() const override { return write_arguments(color_arguments, factor_, o_); }

  Transformation transformation(const Shape& shape, const Draws& draws) const override {
    const auto fewest = static_cast<std::int64_t>(factor_.lower), most = static_cast<std::int64_t>(factor_.upper);
    const Shape each{shape[0]};
    const Value bits =
        fewest == most ? constant(full(each, factor_.lower, DType::i32)) : draws.integers(each, most - fewest) + fewest;
    const Tensor steps = Tensor::from<float>({9}, {256, 128, 64, 32, 16, 8, 4, 2, 1});
    const Value step = gather(constant(steps), bits);
    return [=, this](const Value& images) {
      const Value whole = floor(clip(moved(images, o_.value_range, bytes), 0, 255)), s = per_image(step, whole);
      return moved(floor(whole / s) * s, bytes, o_.value_range);
    };
  }

 private:
  Interval factor_;
  RandomPosterizationOptions o_;
};

class SolarizationLayer final : public Augmentation {
 public:
  SolarizationLayer(const Interval& addition, const Interval& threshold, SolarizationOptions options)
      : Augmentation(options.seed), addition_(addition), threshold_(threshold), o_(std::move(options)) {}
  Config config() const override { return write_arguments(solarization_arguments, addition_, threshold_, o_); }

  Transformation transformation(const Shape&, const Draws& draws) const override {
    const Value additions = draws.each({addition_.lower, addition_.upper * 255});
    const Value thresholds = draws.each({threshold_.lower, threshold_.upper * 255});
    return [=, this](const Value& images) {
      const Value x = clip(moved(images, o_.value_range, bytes) + per_image(additions, images), 0, 255);
      return moved(where(x < per_image(thresholds, images), x, 255 - x), bytes, o_.value_range);
    };
  }

 private:
  Interval addition_, threshold_;
  SolarizationOptions o_;
};

class AutoContrastLayer final : public Augmentation {
 public:
  explicit AutoContrastLayer(AutoContrastOptions options) : Augmentation(std::nullopt), o_(std::move(options)) {}
  Config config() const override { return write_arguments(auto_contrast_arguments, o_); }
  Transformation transformation(const Shape&, const Draws&) const override {
    return [this](const Value& images) { return inferred(images); };
  }

 protected:
  Value inferred(const Value& images) const override {
    const Value x = moved(images, o_.value_range, bytes);
    const Value low = min(x, {1, 2}, {.keepdims = true}), range = max(x, {1, 2}, {.keepdims = true}) - low;
    // Dividing by 1 where all numbers are the same keeps infinities out of the gradient.
    const Value scale = 255 / where(range > 0, range, 1);
    const Value stretched = clip(x * scale - low * scale, 0, 255);
    return where(range > 0, moved(stretched, bytes, o_.value_range), images);
  }

 private:
  AutoContrastOptions o_;
};

class EqualizationLayer final : public Augmentation {
 public:
  explicit EqualizationLayer(EqualizationOptions options) : Augmentation(std::nullopt), o_(std::move(options)) {}
  Config config() const override { return write_arguments(equalization_arguments, o_); }
  Transformation transformation(const Shape&, const Draws&) const override {
    return [this](const Value& images) {
      return scaled(equalize_images(scaled(images, o_.value_range, bytes), o_.bins), bytes, o_.value_range);
    };
  }

 private:
  /// moved() with the roundings of Keras's Equalization.
  static Value scaled(const Value& images, const Interval& from, const Interval& to) {
    const double scale = width(to) / width(from);
    return images * scale + (to.lower - from.lower * scale);
  }
  EqualizationOptions o_;
};

/// The options with their value range in standard form, checked.
template <class Options>
Options with_range(const std::string& where, Options o) {
  o.value_range = value_range(where, o.value_range);
  if (width(o.value_range) == 0)
    fail_expected(where, "a value_range of two different numbers", to_python(o.value_range.lower) + " twice");
  require_channels_last(where, o.data_format);
  return o;
}

/// {0, f} for one number, the ends in order for two.
Interval solarization_factor(std::string_view where, const Interval& given) {
  for (const double number : {given.lower, given.upper})
    if (!(number >= 0 && number <= 1))
      throw Error(
          where,
          "The `addition_factor` and `threshold_factor` arguments should be a number (or a list of two numbers) "
          "in the range [0, 1]. Received: input_number=" +
              to_python(number));
  return given.single ? Interval(0, given.lower) : given.ordered();
}
}  // namespace

Layer RandomPosterization(const Interval& factor, const RandomPosterizationOptions& o) {
  const std::string where = place("RandomPosterization", o.name);
  // Stricter than Keras, which shifts by such numbers and makes noise.
  for (const double bits : {factor.lower, factor.upper})
    if (!(bits >= 1 && bits <= 8 && bits == std::floor(bits)))
      throw Error(where,
                  "The `factor` argument should be an integer (or a list of two integers) in the range [1, 8]. "
                  "Received: factor=" +
                      to_python(bits));
  return make_named<RandomPosterizationLayer>("RandomPosterization", o.name, o.trainable,
                                              signed_factor(where, "factor", factor, 1, 8), with_range(where, o));
}

Layer Solarization(const Interval& addition_factor, const Interval& threshold_factor, const SolarizationOptions& o) {
  const std::string where = place("Solarization", o.name);
  return make_named<SolarizationLayer>("Solarization", o.name, o.trainable, solarization_factor(where, addition_factor),
                                       solarization_factor(where, threshold_factor), with_range(where, o));
}

Layer AutoContrast(const AutoContrastOptions& o) {
  return make_named<AutoContrastLayer>("AutoContrast", o.name, o.trainable,
                                       with_range(place("AutoContrast", o.name), o));
}

Layer Equalization(const EqualizationOptions& o) {
  const std::string where = place("Equalization", o.name);
  if (o.bins < 1 || o.bins > 65536) fail_expected(where, "1 to 65536 bins", std::to_string(o.bins));
  return make_named<EqualizationLayer>("Equalization", o.name, o.trainable, with_range(where, o));
}

namespace {
const bool registered[] = {
    register_built_in("RandomPosterization", RandomPosterization, color_arguments),
    register_built_in("Solarization", Solarization, solarization_arguments),
    register_built_in("AutoContrast", AutoContrast, auto_contrast_arguments),
    register_built_in("Equalization", Equalization, equalization_arguments),
};
}

}  // namespace strata::layers
