#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/device/tensor.h"

/// Pixels of image files. Internal.
namespace strata::data {

/// An image of more pixels is refused before anything is allocated for them.
inline constexpr std::int64_t most_image_pixels = std::int64_t{1} << 27;

/// The pixels of a JPEG, PNG, GIF or BMP file, u8 [height, width, channels]; its first bytes say which it is, not its
/// name. `channels` is 1 (grey), 3 (red, green, blue) or 4 (with opacity; not of JPEG). Of an animation it is the first
/// picture. Pixels are those of tf.io.decode_image, which Keras reads folders with: 16-bit samples lose their lower
/// byte, transparency that was not asked for is dropped (transparent pixels of GIF are black), Exif orientation and
/// colour profiles do not count, CMYK becomes RGB by multiplying with the black. Differences: grey PNG images of fewer
/// than 8 bits are opaque, TensorFlow gives them an opacity of 2^bits - 1; palettes of BMP count, TensorFlow shows the
/// numbers of the colours; a GIF smaller than its canvas keeps its place there.
///
/// With `at_least` (height, width) a JPEG file is decoded at 1/2, 1/4 or 1/8 of its size where this is still as high
/// and wide: several times faster, and each pixel is the mean of those it stands for, nearly.
///
/// Error naming `where` for other formats, damage of any kind (truncation included), compressed BMP, and images of more
/// than most_image_pixels.
Tensor decode_image(std::string_view bytes, int channels, const std::string& where,
                    const std::array<std::int64_t, 2>& at_least = {});

/// The content of a file, for decode_image. Error naming it where it cannot be read or has more than 2^29 bytes.
std::string read_image_file(const std::string& path);

}  // namespace strata::data
