#pragma once

#include <concepts>
#include <string>

#include "core/ops/elementwise.h"

/// Functions on images [height, width, channels] and batches of them [n, height, width, channels], on tensors and on
/// values. Where an amount may differ from image to image it is a number for all, or an array [n] of f32.
///
/// Colours: red, green and blue of a floating type, in [0, 1] unless something else is said. adjust_brightness and
/// adjust_contrast also take u8: there 255 counts as 1, and what leaves the range is cut off, as in tf.image.
namespace strata::image {

template <class A>
concept Images = std::same_as<A, Tensor> || std::same_as<A, Value>;

/// Mirrored: columns, or rows, in reverse order.
template <Images A>
STRATA_API A flip_left_right(const A& images);
template <Images A>
STRATA_API A flip_up_down(const A& images);
/// The same for the images that are chosen (bool [n], for a batch).
template <Images A>
STRATA_API A flip_left_right(const A& images, const A& chosen);
template <Images A>
STRATA_API A flip_up_down(const A& images, const A& chosen);

struct TransformOptions {
  std::string interpolation = "bilinear";  ///< or "nearest"
  std::string fill_mode = "constant";      ///< or "reflect" (d c b a | a b c d | d c b a), "wrap", "nearest"
  double fill_value = 0.0;                 ///< of "constant"
};
/// keras.ops.image.affine_transform: the pixel at column x and row y of a result comes from the place ((a0 x + a1 y +
/// a2) / k, (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1, with one transform (a0, a1, a2, b0, b1, b2, c0, c1), f32 [8],
/// or one for each image, [n, 8]. Images of floating types.
template <Images A>
STRATA_API A affine_transform(const A& images, const A& transforms, const TransformOptions& = {});

/// Transforms [n, 8], as Keras's layers make them, for images of this size, from f32 [n, 1]: by an angle in radians
/// around the middle; by factors, where 2 shows twice as much of the width, half as large, around the middle; by a
/// share of the width and of the height to the right and down; by shears along x and y from the upper left corner.
template <Images A>
STRATA_API A rotations(const A& angles, std::int64_t height, std::int64_t width);
template <Images A>
STRATA_API A zooms(const A& width_factors, const A& height_factors, std::int64_t height, std::int64_t width);
template <Images A>
STRATA_API A translations(const A& width_shares, const A& height_shares, std::int64_t height, std::int64_t width);
template <Images A>
STRATA_API A shears(const A& along_x, const A& along_y);

/// Turned counter-clockwise by an angle in degrees around the middle, in the size as it is.
template <Images A>
STRATA_API A rotate(const A& images, double degrees, const TransformOptions& = {});

/// The middle: this share (0 to 1) of the height and of the width, in whole pixels, at least as much
/// (tf.image.central_crop).
template <Images A>
STRATA_API A central_crop(const A& images, double fraction);
/// `height` rows from row `top` on and `width` columns from column `left` on. Error when they leave the image.
template <Images A>
STRATA_API A crop(const A& images, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width);

/// images + delta.
template <Images A>
STRATA_API A adjust_brightness(const A& images, double delta);
template <Images A>
STRATA_API A adjust_brightness(const A& images, const A& deltas);
/// (images - mean) factor + mean, with the mean of each channel of each image.
template <Images A>
STRATA_API A adjust_contrast(const A& images, double factor);
template <Images A>
STRATA_API A adjust_contrast(const A& images, const A& factors);
/// The hue turned by delta full turns, in [-1, 1]. Three channels.
template <Images A>
STRATA_API A adjust_hue(const A& images, double delta);
template <Images A>
STRATA_API A adjust_hue(const A& images, const A& deltas);
/// The saturation multiplied, and cut off at 1. Three channels.
template <Images A>
STRATA_API A adjust_saturation(const A& images, double factor);
template <Images A>
STRATA_API A adjust_saturation(const A& images, const A& factors);

/// Hue, saturation and value of red, green and blue, each in [0, 1] (the value in the range of the colours), and back.
/// The last axis holds the three; any rank of at least 1. A. R. Smith, "Color gamut transform pairs", 1978.
template <Images A>
STRATA_API A rgb_to_hsv(const A& colours);
template <Images A>
STRATA_API A hsv_to_rgb(const A& colours);
/// 0.2989 red + 0.587 green + 0.114 blue, one channel; an image of one channel as it is.
template <Images A>
STRATA_API A rgb_to_grayscale(const A& images);

}  // namespace strata::image
