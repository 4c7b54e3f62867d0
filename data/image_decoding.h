#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/device/tensor.h"

/// Pixels of image files, the only use of libjpeg and libpng in the library. Internal.
namespace strata::data {

/// An image of more pixels is refused before anything is allocated for them.
inline constexpr std::int64_t most_image_pixels = std::int64_t{1} << 27;

/// The pixels of a JPEG or PNG file, u8 [height, width, channels]; its first bytes say which it is. `channels` is 1
/// (grey), 3 (red, green, blue) or 4 (with opacity; PNG only). Both are decoded as tf.image.decode_image does, which
/// Keras reads folders with: 16-bit samples lose their lower byte, transparency that was not asked for is dropped,
/// Exif orientation and colour profiles do not count. (One difference: to grey PNG images of fewer than 8 bits
/// TensorFlow adds an opacity of 2^bits - 1, here they are opaque.) Error naming `where` for other formats, damage of
/// any kind (truncation included), CMYK, and images of more than most_image_pixels.
Tensor decode_image(std::string_view bytes, int channels, const std::string& where);

}  // namespace strata::data
