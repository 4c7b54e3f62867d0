#pragma once

#include <array>
#include <cstdint>

#include "core/base/export.h"
#include "core/device/tensor.h"

/// Chance for images [height, width, channels] and batches of them [n, height, width, channels], where each image has a
/// chance of its own, for use within Dataset::map:
///
///     auto augmented = train.map([](data::Sample s) { return s.x = image::random_flip_left_right(s.x), s; });
///
/// There, what is drawn depends on the seed of the map, the epoch and the position of the element: the same in every
/// run and with any number of workers. Elsewhere it comes from the process seed (utils::set_random_seed). What the
/// functions do to an image is in core/ops/image.h.
namespace strata::image {

/// Mirrored with a chance of 1/2.
STRATA_API Tensor random_flip_left_right(const Tensor& images);
STRATA_API Tensor random_flip_up_down(const Tensor& images);
/// adjust_brightness by an amount in [-max_delta, max_delta). Error unless max_delta >= 0.
STRATA_API Tensor random_brightness(const Tensor& images, double max_delta);
/// adjust_contrast by a factor in [lower, upper). Error unless 0 <= lower < upper.
STRATA_API Tensor random_contrast(const Tensor& images, double lower, double upper);
/// adjust_hue by an amount in [-max_delta, max_delta). Error unless max_delta is in [0, 0.5].
STRATA_API Tensor random_hue(const Tensor& images, double max_delta);
/// adjust_saturation by a factor in [lower, upper). Error unless 0 <= lower < upper.
STRATA_API Tensor random_saturation(const Tensor& images, double lower, double upper);
/// A part of this height and width from anywhere in the image. Error for images that are smaller.
STRATA_API Tensor random_crop(const Tensor& images, const std::array<std::int64_t, 2>& size);

}  // namespace strata::image
