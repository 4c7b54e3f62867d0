#include "core/ops/image.h"

#include <cmath>
#include <numbers>

#include "core/ops/image_transform.h"
#include "core/ops/ops.h"

namespace strata::image {

namespace {
/// Constants beside a tensor, or beside a value.
Tensor like(const Tensor&, const Tensor& constants) { return constants; }
Value like(const Value&, const Tensor& constants) { return constant(constants); }

/// A batch, of one where `images` is a single one.
template <Images A>
A batch_of(const char* function, const A& images) {
  const Shape& shape = images.shape();
  if (shape.rank() == 4) return images;
  if (shape.rank() != 3) fail_expected(function, "images [H,W,C] or [N,H,W,C]", to_string(images.type()));
  return expand_dims(images, 0);
}
template <Images A>
A as_given(const A& batch, const A& images) {
  return images.shape().rank() == 3 ? squeeze(batch, {0}) : batch;
}

template <Images A>
A require_floating(const char* function, const A& images) {
  if (!is_floating(images.dtype())) fail_expected(function, "images of a floating type", to_string(images.type()));
  return images;
}
template <Images A>
void require_colours(const char* function, const A& images) {
  require_floating(function, images);
  if (images.shape().rank() < 1 || images.shape().back() != 3)
    fail_expected(function, "three channels on the last axis", to_string(images.type()));
}

/// f32 [n] as [n, 1, 1, 1] of the images' type, [1, 1, 1] for a single image.
template <Images A>
A amounts_for(const char* function, const A& images, const A& amounts) {
  const bool batch = images.shape().rank() == 4;
  if (amounts.shape() != Shape{batch ? images.shape()[0] : 1})
    fail_expected(function,
                  batch ? "one amount for each of " + std::to_string(images.shape()[0]) + " images" : "one amount",
                  to_string(amounts.type()));
  return cast(reshape(amounts, batch ? Shape{images.shape()[0], 1, 1, 1} : Shape{1, 1, 1}), images.dtype());
}

template <Images A, class F>
A flipped(const char* function, const A& images, F&& chosen, bool left_right) {
  const A batch = batch_of(function, images);
  return as_given(flip_images(batch, chosen(batch.shape()[0]), {.left_right = left_right, .up_down = !left_right}),
                  images);
}
template <Images A>
A all_flipped(const char* function, const A& images, bool left_right) {
  return flipped(
      function, images, [&](std::int64_t n) { return like(images, full({n}, 1, DType::boolean)); }, left_right);
}
}  // namespace

template <Images A>
A flip_left_right(const A& images) {
  return all_flipped("image.flip_left_right", images, true);
}
template <Images A>
A flip_up_down(const A& images) {
  return all_flipped("image.flip_up_down", images, false);
}
template <Images A>
A flip_left_right(const A& images, const A& chosen) {
  return flipped(
      "image.flip_left_right", images, [&](std::int64_t) { return chosen; }, true);
}
template <Images A>
A flip_up_down(const A& images, const A& chosen) {
  return flipped(
      "image.flip_up_down", images, [&](std::int64_t) { return chosen; }, false);
}

// ---- Transforms

namespace {
constexpr const char* transform_name = "image.affine_transform";

FillMode fill_mode_named(const std::string& name) {
  if (name == "constant") return FillMode::constant;
  if (name == "reflect") return FillMode::reflect;
  if (name == "wrap") return FillMode::wrap;
  if (name == "nearest") return FillMode::nearest;
  fail_expected(transform_name, "fill_mode \"constant\", \"reflect\", \"wrap\" or \"nearest\"", "\"" + name + "\"");
}
bool is_bilinear(const std::string& interpolation) {
  if (interpolation != "bilinear" && interpolation != "nearest")
    fail_expected(transform_name, "interpolation \"bilinear\" or \"nearest\"", "\"" + interpolation + "\"");
  return interpolation == "bilinear";
}

/// Six columns [n, 1] and two of zeros as transforms [n, 8].
template <Images A>
A transforms_of(const A& a0, const A& a1, const A& a2, const A& b0, const A& b1, const A& b2) {
  const A zero = zeros_like(a0);
  return concatenate(std::vector<A>{a0, a1, a2, b0, b1, b2, zero, zero}, 1);
}
double middle(std::int64_t size) { return (static_cast<double>(size) - 1) / 2; }
}  // namespace

template <Images A>
A affine_transform(const A& images, const A& transforms, const TransformOptions& o) {
  const AffineTransform op{is_bilinear(o.interpolation), fill_mode_named(o.fill_mode), o.fill_value};
  const A batch = batch_of(transform_name, images);
  const A rows = transforms.shape().rank() == 1 ? expand_dims(transforms, 0) : transforms;
  return as_given(apply(op, batch, cast(rows, images.dtype() == DType::f64 ? DType::f64 : DType::f32)), images);
}

template <Images A>
A rotations(const A& angles, std::int64_t height, std::int64_t width) {
  const A c = cos(angles), s = sin(angles);
  const double x = middle(width), y = middle(height);
  return transforms_of<A>(c, -s, x - x * c + y * s, s, c, y - x * s - y * c);
}
template <Images A>
A zooms(const A& width_factors, const A& height_factors, std::int64_t height, std::int64_t width) {
  const A zero = zeros_like(width_factors);
  return transforms_of<A>(width_factors, zero, middle(width) * (1 - width_factors), zero, height_factors,
                          middle(height) * (1 - height_factors));
}
template <Images A>
A translations(const A& width_shares, const A& height_shares, std::int64_t height, std::int64_t width) {
  const A zero = zeros_like(width_shares), one = ones_like(width_shares);
  return transforms_of<A>(one, zero, width_shares * -static_cast<double>(width), zero, one,
                          height_shares * -static_cast<double>(height));
}
template <Images A>
A shears(const A& along_x, const A& along_y) {
  const A zero = zeros_like(along_x), one = ones_like(along_x);
  return transforms_of<A>(one, along_x, zero, along_y, one, zero);
}

template <Images A>
A rotate(const A& images, double degrees, const TransformOptions& o) {
  const A batch = batch_of("image.rotate", require_floating("image.rotate", images));
  const A angle = like(images, full({1, 1}, degrees * std::numbers::pi / 180, DType::f32));
  return as_given(affine_transform(batch, rotations(angle, batch.shape()[1], batch.shape()[2]), o), images);
}

// ---- Parts

template <Images A>
A crop(const A& images, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width) {
  const A batch = batch_of("image.crop", images);
  const std::int64_t rows = batch.shape()[1], columns = batch.shape()[2];
  if (top < 0 || left < 0 || height < 1 || width < 1 || top > rows - height || left > columns - width)
    fail_expected("image.crop", "a part of the images " + to_string(images.type()),
                  std::to_string(height) + " x " + std::to_string(width) + " from row " + std::to_string(top) +
                      " and column " + std::to_string(left));
  return as_given(slice(batch, {0, top, left}, {slice_end, top + height, left + width}), images);
}

template <Images A>
A central_crop(const A& images, double fraction) {
  if (!(fraction > 0 && fraction <= 1))
    fail_expected("image.central_crop", "a fraction above 0 and up to 1", std::to_string(fraction));
  const A batch = batch_of("image.central_crop", images);
  const std::int64_t rows = batch.shape()[1], columns = batch.shape()[2];
  const auto margin = [fraction](std::int64_t size) {
    return static_cast<std::int64_t>((static_cast<double>(size) - static_cast<double>(size) * fraction) / 2);
  };
  const std::int64_t top = margin(rows), left = margin(columns);
  return as_given(crop(batch, top, left, rows - 2 * top, columns - 2 * left), images);
}

// ---- Colours

namespace {
/// f on images where 1 is full intensity: u8 is brought there and back.
template <Images A, class F>
A in_unit_range(const char* function, const A& images, F&& f) {
  if (images.dtype() != DType::u8) return f(require_floating(function, images));
  return cast(clip(f(cast(images, DType::f32) * (1.0 / 255)) * 255.5, 0, 255), DType::u8);
}

template <Images A>
A contrast_by(const A& x, const auto& factor) {
  const bool batch = x.shape().rank() == 4;
  const A average = mean(x, batch ? Axes{1, 2} : Axes{0, 1}, {.keepdims = true});
  return (x - average) * factor + average;
}

/// f(hue, saturation) changes them between the two conversions.
template <Images A, class F>
A with_hsv(const char* function, const A& images, F&& f) {
  batch_of(function, images);
  require_colours(function, images);
  auto parts = split(rgb_to_hsv(images), std::int64_t{3}, -1);
  f(parts[0], parts[1]);
  return hsv_to_rgb(concatenate(std::vector<A>{parts[0], parts[1], parts[2]}, -1));
}
/// With the whole turns taken off.
template <Images A>
A turned(const A& hue, const auto& delta) {
  const A sum = hue + delta;
  return sum - floor(sum);
}
}  // namespace

template <Images A>
A adjust_brightness(const A& images, double delta) {
  batch_of("image.adjust_brightness", images);
  return in_unit_range("image.adjust_brightness", images, [&](const A& x) { return x + delta; });
}
template <Images A>
A adjust_brightness(const A& images, const A& deltas) {
  batch_of("image.adjust_brightness", images);
  return in_unit_range("image.adjust_brightness", images,
                       [&](const A& x) { return x + amounts_for("image.adjust_brightness", x, deltas); });
}

template <Images A>
A adjust_contrast(const A& images, double factor) {
  batch_of("image.adjust_contrast", images);
  return in_unit_range("image.adjust_contrast", images, [&](const A& x) { return contrast_by(x, factor); });
}
template <Images A>
A adjust_contrast(const A& images, const A& factors) {
  batch_of("image.adjust_contrast", images);
  return in_unit_range("image.adjust_contrast", images,
                       [&](const A& x) { return contrast_by(x, amounts_for("image.adjust_contrast", x, factors)); });
}

template <Images A>
A adjust_hue(const A& images, double delta) {
  if (!(delta >= -1 && delta <= 1)) fail_expected("image.adjust_hue", "a delta in [-1, 1]", std::to_string(delta));
  return with_hsv("image.adjust_hue", images, [&](A& hue, A&) { hue = turned(hue, delta); });
}
template <Images A>
A adjust_hue(const A& images, const A& deltas) {
  return with_hsv("image.adjust_hue", images,
                  [&](A& hue, A&) { hue = turned(hue, amounts_for("image.adjust_hue", images, deltas)); });
}

template <Images A>
A adjust_saturation(const A& images, double factor) {
  return with_hsv("image.adjust_saturation", images,
                  [&](A&, A& saturation) { saturation = clip(saturation * factor, 0, 1); });
}
template <Images A>
A adjust_saturation(const A& images, const A& factors) {
  return with_hsv("image.adjust_saturation", images, [&](A&, A& saturation) {
    saturation = clip(saturation * amounts_for("image.adjust_saturation", images, factors), 0, 1);
  });
}

template <Images A>
A rgb_to_hsv(const A& colours) {
  require_colours("image.rgb_to_hsv", colours);
  const auto parts = split(colours, std::int64_t{3}, -1);
  const A red = parts[0], green = parts[1], blue = parts[2];
  const A value = maximum(maximum(red, green), blue), range = value - minimum(minimum(red, green), blue);
  // Grey has neither hue nor saturation; dividing by 1 there keeps infinities out of the gradient.
  const A spread = where(range > 0, range, 1), sixth = 1.0 / (6 * spread);
  const A from_red = (green - blue) * sixth, from_green = (blue - red) * sixth + 2.0 / 6,
          from_blue = (red - green) * sixth + 4.0 / 6;
  const A hue = where(equal(red, value), from_red, where(equal(green, value), from_green, from_blue));
  const A positive = where(hue < 0, hue + 1, hue);
  const A saturation = where(value > 0, range / where(value > 0, value, 1), 0);
  return concatenate(std::vector<A>{where(range > 0, positive, 0), saturation, value}, -1);
}

template <Images A>
A hsv_to_rgb(const A& colours) {
  require_colours("image.hsv_to_rgb", colours);
  const auto parts = split(colours, std::int64_t{3}, -1);
  const A turn = parts[0] * 6, saturation = parts[1], value = parts[2];
  const auto channel = [&](const A& amount) -> A {
    return ((1 - saturation) + saturation * clip(amount, 0, 1)) * value;
  };
  return concatenate(std::vector<A>{channel(abs(turn - 3) - 1), channel(2 - abs(turn - 2)), channel(2 - abs(turn - 4))},
                     -1);
}

template <Images A>
A rgb_to_grayscale(const A& images) {
  batch_of("image.rgb_to_grayscale", images);
  if (images.shape().back() == 1) return images;
  require_colours("image.rgb_to_grayscale", images);
  const auto parts = split(images, std::int64_t{3}, -1);
  return parts[0] * 0.2989 + parts[1] * 0.587 + parts[2] * 0.114;
}

// Every function for both.
#define STRATA_IMAGE_FUNCTIONS(A)                                                               \
  template STRATA_API A flip_left_right(const A&);                                              \
  template STRATA_API A flip_up_down(const A&);                                                 \
  template STRATA_API A flip_left_right(const A&, const A&);                                    \
  template STRATA_API A flip_up_down(const A&, const A&);                                       \
  template STRATA_API A affine_transform(const A&, const A&, const TransformOptions&);          \
  template STRATA_API A rotations(const A&, std::int64_t, std::int64_t);                        \
  template STRATA_API A zooms(const A&, const A&, std::int64_t, std::int64_t);                  \
  template STRATA_API A translations(const A&, const A&, std::int64_t, std::int64_t);           \
  template STRATA_API A shears(const A&, const A&);                                             \
  template STRATA_API A rotate(const A&, double, const TransformOptions&);                      \
  template STRATA_API A central_crop(const A&, double);                                         \
  template STRATA_API A crop(const A&, std::int64_t, std::int64_t, std::int64_t, std::int64_t); \
  template STRATA_API A adjust_brightness(const A&, double);                                    \
  template STRATA_API A adjust_brightness(const A&, const A&);                                  \
  template STRATA_API A adjust_contrast(const A&, double);                                      \
  template STRATA_API A adjust_contrast(const A&, const A&);                                    \
  template STRATA_API A adjust_hue(const A&, double);                                           \
  template STRATA_API A adjust_hue(const A&, const A&);                                         \
  template STRATA_API A adjust_saturation(const A&, double);                                    \
  template STRATA_API A adjust_saturation(const A&, const A&);                                  \
  template STRATA_API A rgb_to_hsv(const A&);                                                   \
  template STRATA_API A hsv_to_rgb(const A&);                                                   \
  template STRATA_API A rgb_to_grayscale(const A&);
STRATA_IMAGE_FUNCTIONS(Tensor)
STRATA_IMAGE_FUNCTIONS(Value)
#undef STRATA_IMAGE_FUNCTIONS

}  // namespace strata::image
