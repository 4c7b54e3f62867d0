#pragma once

#include <algorithm>
#include <cstdint>

#include "core/ops/slice.h"

/// Parts of images [batch, height, width, channels], for what resizes them: tensors and values. Internal.
namespace strata {

/// This many pixels in the middle of each axis.
template <class Images>
Images middle_of(const Images& images, std::int64_t height, std::int64_t width) {
  const std::int64_t top = (images.shape()[1] - height) / 2, left = (images.shape()[2] - width) / 2;
  return slice(images, {0, top, left}, {slice_end, top + height, left + width});
}

/// The largest part in the middle with the aspect ratio of height to width, in whole pixels.
template <class Images>
Images cut_to_ratio(const Images& images, std::int64_t height, std::int64_t width) {
  const std::int64_t given_height = images.shape()[1], given_width = images.shape()[2];
  return middle_of(images, std::clamp<std::int64_t>(given_width * height / width, 1, given_height),
                   std::clamp<std::int64_t>(given_height * width / height, 1, given_width));
}

/// `value` around the images, evenly on both sides, up to that aspect ratio.
template <class Images>
Images padded_to_ratio(const Images& images, std::int64_t height, std::int64_t width, double value) {
  const std::int64_t given_height = images.shape()[1], given_width = images.shape()[2];
  const std::int64_t rows = std::max<std::int64_t>(given_width * height / width - given_height, 0) / 2;
  const std::int64_t columns = std::max<std::int64_t>(given_height * width / height - given_width, 0) / 2;
  return pad(images, {0, rows, columns, 0}, {0, rows, columns, 0}, value);
}

}  // namespace strata
