// Layers that move what images show: mirrored, rotated, zoomed, shifted, sheared, cut.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/ops/aspect_ratio.h"
#include "core/ops/image_transform.h"
#include "core/ops/ops.h"
#include "core/ops/resize_images.h"
#include "layers/augmentation.h"
#include "layers/augmentation_layer.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto flip_arguments = [](auto& field, auto& mode, auto& o) {
  field.seed("seed", o.seed);
  field.required("mode", mode);
  field("data_format", o.data_format);
};
constexpr auto rotation_arguments = [](auto& field, auto& factor, auto& o) {
  field.required("factor", factor);
  field("data_format", o.data_format);
  field("fill_mode", o.fill_mode);
  field("fill_value", o.fill_value);
  field("interpolation", o.interpolation);
  field.seed("seed", o.seed);
};
constexpr auto transform_arguments = [](auto& field, auto& o) {
  field("fill_mode", o.fill_mode);
  field("interpolation", o.interpolation);
  field.seed("seed", o.seed);
  field("fill_value", o.fill_value);
  field("data_format", o.data_format);
};
constexpr auto zoom_arguments = [](auto& field, auto& height_factor, auto& o) {
  field.required("height_factor", height_factor);
  field("width_factor", o.width_factor);
  transform_arguments(field, o);
};
constexpr auto translation_arguments = [](auto& field, auto& height_factor, auto& width_factor, auto& o) {
  field.required("height_factor", height_factor);
  field.required("width_factor", width_factor);
  transform_arguments(field, o);
};
constexpr auto shear_arguments = [](auto& field, auto& x_factor, auto& y_factor, auto& o) {
  field("x_factor", x_factor);
  field("y_factor", y_factor);
  transform_arguments(field, o);
};
constexpr auto crop_arguments = [](auto& field, auto& height, auto& width, auto& o) {
  field.required("height", height);
  field.required("width", width);
  field.seed("seed", o.seed);
  field("data_format", o.data_format);
};

class RandomFlipLayer final : public Augmentation {
 public:
  RandomFlipLayer(std::string mode, RandomFlipOptions options)
      : Augmentation(options.seed), mode_(std::move(mode)), o_(std::move(options)) {}
  Config config() const override { return write_arguments(flip_arguments, mode_, o_); }
  Transformation transformation(const Shape&, const Draws& draws) const override {
    const Value chosen = draws.each({0, 1}) <= 0.5;
    const FlipImages how{.left_right = mode_ != "vertical", .up_down = mode_ != "horizontal"};
    return [=](const Value& images) { return flip_images(images, chosen, how); };
  }

 private:
  std::string mode_;
  RandomFlipOptions o_;
};

/// A number from the range for each image, [n, 1].
Value column(const Draws& draws, const Interval& range) { return expand_dims(draws.each(range), 1); }

/// A layer that transforms each image by a matrix of its own.
template <class Options>
class TransformLayer : public Augmentation {
 public:
  explicit TransformLayer(Options options) : Augmentation(options.seed), o_(std::move(options)) {}
  Transformation transformation(const Shape& shape, const Draws& draws) const final {
    const Value each = transforms(shape, draws);
    return [=, this](const Value& images) {
      return image::affine_transform(images, each, {o_.interpolation, o_.fill_mode, o_.fill_value});
    };
  }

 protected:
  /// Transforms f32 [n, 8].
  virtual Value transforms(const Shape& images, const Draws& draws) const = 0;
  Options o_;
};

class RandomRotationLayer final : public TransformLayer<RandomRotationOptions> {
 public:
  RandomRotationLayer(const Interval& factor, const RandomRotationOptions& options)
      : TransformLayer(options), factor_(factor) {}
  Config config() const override { return write_arguments(rotation_arguments, factor_, o_); }

 protected:
  Value transforms(const Shape& images, const Draws& draws) const override {
    return image::rotations<Value>(column(draws, factor_) * (2 * std::numbers::pi), images[1], images[2]);
  }

 private:
  Interval factor_;
};

/// {-f, f} for one number, the ends in order for two.
Interval both_ways(const Interval& given) {
  if (given.single) return {-std::abs(given.lower), std::abs(given.lower)};
  return given.ordered();
}

class RandomZoomLayer final : public TransformLayer<RandomZoomOptions> {
 public:
  RandomZoomLayer(const Interval& height_factor, const RandomZoomOptions& options)
      : TransformLayer(options), height_factor_(height_factor) {}
  Config config() const override { return write_arguments(zoom_arguments, height_factor_, o_); }

 protected:
  Value transforms(const Shape& images, const Draws& draws) const override {
    const Value height = column(draws, both_ways(height_factor_)) + 1;
    const Value width = o_.width_factor ? column(draws, both_ways(*o_.width_factor)) + 1 : height;
    return image::zooms(width, height, images[1], images[2]);
  }

 private:
  Interval height_factor_;
};

class RandomTranslationLayer final : public TransformLayer<RandomTranslationOptions> {
 public:
  RandomTranslationLayer(const Interval& height_factor, const Interval& width_factor,
                         const RandomTranslationOptions& options)
      : TransformLayer(options), height_factor_(height_factor), width_factor_(width_factor) {}
  Config config() const override { return write_arguments(translation_arguments, height_factor_, width_factor_, o_); }

 protected:
  Value transforms(const Shape& images, const Draws& draws) const override {
    const Value height = column(draws, both_ways(height_factor_)), width = column(draws, both_ways(width_factor_));
    return image::translations(width, height, images[1], images[2]);
  }

 private:
  Interval height_factor_, width_factor_;
};

class RandomShearLayer final : public TransformLayer<RandomShearOptions> {
 public:
  RandomShearLayer(const Interval& x_factor, const Interval& y_factor, const RandomShearOptions& options)
      : TransformLayer(options), x_factor_(x_factor), y_factor_(y_factor) {}
  Config config() const override { return write_arguments(shear_arguments, x_factor_, y_factor_, o_); }

 protected:
  Value transforms(const Shape&, const Draws& draws) const override {
    const Value side = 1 - 2 * cast(column(draws, {0, 1}) > 0.5, DType::f32);
    const Value x = column(draws, x_factor_) * side, y = column(draws, y_factor_) * side;
    return image::shears(x, y);
  }

 private:
  Interval x_factor_, y_factor_;
};

class RandomCropLayer final : public Augmentation {
 public:
  RandomCropLayer(std::int64_t height, std::int64_t width, RandomCropOptions options)
      : Augmentation(options.seed), height_(height), width_(width), o_(std::move(options)) {}
  Config config() const override { return write_arguments(crop_arguments, height_, width_, o_); }
  Transformation transformation(const Shape& shape, const Draws& draws) const override {
    const std::int64_t rows = shape[1], columns = shape[2];
    if (rows > height_ && columns > width_) {
      const Value top = place_of(height_, rows, draws), left = place_of(width_, columns, draws);
      return [=](const Value& images) { return gather(gather(images, top, 1), left, 2); };
    }
    return [=, this](const Value& images) {
      const std::int64_t top = (rows - std::clamp<std::int64_t>(columns * height_ / width_, 1, rows)) / 2;
      const std::int64_t left = (columns - std::clamp<std::int64_t>(rows * width_ / height_, 1, columns)) / 2;
      const Value part = slice(images, {0, top, left}, {slice_end, top + height_, left + width_});
      return resize_images(part, height_, width_, Interpolation::bilinear);
    };
  }

 protected:
  Value inferred(const Value& images) const override {
    return resize_images(cut_to_ratio(images, height_, width_), height_, width_, Interpolation::bilinear);
  }

 private:
  /// `part` of `size` positions from a random one on, the same for all images.
  static Value place_of(std::int64_t part, std::int64_t size, const Draws& draws) {
    const auto places = static_cast<double>(size - part + 1);
    // u places may round up to the number of places.
    const Value first = minimum(floor(draws.uniform(Shape{1}) * places), places - 1);
    return cast(first, DType::i32) + constant(arange(0, static_cast<double>(part), 1, DType::i32));
  }
  std::int64_t height_, width_;
  RandomCropOptions o_;
};

void require_numbers(std::string_view where, const Interval& given, bool (*fits)(double), const std::string& allowed) {
  for (const double number : {given.lower, given.upper})
    if (!fits(number)) throw Error(where, allowed + " Received: input_number=" + to_python(number));
}
}  // namespace

Layer RandomFlip(const std::string& mode, const RandomFlipOptions& o) {
  const std::string where = place("RandomFlip", o.name);
  if (mode != "horizontal" && mode != "vertical" && mode != "horizontal_and_vertical")
    fail_expected(where, "mode \"horizontal\", \"vertical\" or \"horizontal_and_vertical\"", "\"" + mode + "\"");
  require_channels_last(where, o.data_format);
  return make_named<RandomFlipLayer>("RandomFlip", o.name, o.trainable, mode, o);
}

Layer RandomRotation(const Interval& factor, const RandomRotationOptions& o) {
  const std::string where = place("RandomRotation", o.name);
  require_transform(where, {o.interpolation, o.fill_mode, o.fill_value});
  require_channels_last(where, o.data_format);
  return make_named<RandomRotationLayer>("RandomRotation", o.name, o.trainable,
                                         signed_factor(where, "factor", factor, -1, 1), o);
}

Layer RandomZoom(const Interval& height_factor, const RandomZoomOptions& o) {
  const std::string where = place("RandomZoom", o.name);
  for (const Interval& factor : {height_factor, o.width_factor.value_or(height_factor)})
    require_numbers(
        where, factor, [](double f) { return f > -1 && f <= 1; },
        "The `height_factor` and `width_factor` arguments should be a number (or a list of two numbers) in the "
        "range (-1.0, 1.0].");
  require_transform(where, {o.interpolation, o.fill_mode, o.fill_value});
  require_channels_last(where, o.data_format);
  return make_named<RandomZoomLayer>("RandomZoom", o.name, o.trainable, height_factor, o);
}

Layer RandomTranslation(const Interval& height_factor, const Interval& width_factor,
                        const RandomTranslationOptions& o) {
  const std::string where = place("RandomTranslation", o.name);
  for (const Interval& factor : {height_factor, width_factor})
    require_numbers(
        where, factor, [](double f) { return f >= -1 && f <= 1; },
        "The `factor` argument should be a number (or a list of two numbers) in the range [-1.0, 1.0].");
  require_transform(where, {o.interpolation, o.fill_mode, o.fill_value});
  require_channels_last(where, o.data_format);
  return make_named<RandomTranslationLayer>("RandomTranslation", o.name, o.trainable, height_factor, width_factor, o);
}

Layer RandomShear(const Interval& x_factor, const Interval& y_factor, const RandomShearOptions& o) {
  const std::string where = place("RandomShear", o.name);
  for (const Interval& factor : {x_factor, y_factor})
    require_numbers(
        where, factor, [](double f) { return f >= -1 && f <= 1; },
        "The `factor` argument should be a number (or a list of two numbers) in the range [0, 1.0].");
  require_transform(where, {o.interpolation, o.fill_mode, o.fill_value});
  require_channels_last(where, o.data_format);
  return make_named<RandomShearLayer>("RandomShear", o.name, o.trainable, both_ways(x_factor), both_ways(y_factor), o);
}

Layer RandomCrop(std::int64_t height, std::int64_t width, const RandomCropOptions& o) {
  const std::string where = place("RandomCrop", o.name);
  require_positive(where, "height", height);
  require_positive(where, "width", width);
  require_channels_last(where, o.data_format);
  return make_named<RandomCropLayer>("RandomCrop", o.name, o.trainable, height, width, o);
}

namespace {
const bool registered[] = {
    register_built_in("RandomFlip", RandomFlip, flip_arguments),
    register_built_in("RandomRotation", RandomRotation, rotation_arguments),
    register_built_in("RandomZoom", RandomZoom, zoom_arguments),
    register_built_in("RandomTranslation", RandomTranslation, translation_arguments),
    register_built_in("RandomShear", RandomShear, shear_arguments),
    register_built_in("RandomCrop", RandomCrop, crop_arguments),
};
}

}  // namespace strata::layers
