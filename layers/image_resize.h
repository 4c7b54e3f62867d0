#pragma once

#include <string>
#include <string_view>

#include "core/graph/apply.h"

/// Images of another size, for the layers that make them. Internal.
namespace strata::layers {

/// How the value between pixels is found. `bilinear` is a triangle of radius 1, `bicubic` Keys's kernel with a = -0.5
/// ("Cubic convolution interpolation for digital image processing", 1981), `lanczos3` and `lanczos5` windowed sines.
enum class Interpolation { nearest, bilinear, bicubic, lanczos3, lanczos5 };

/// From Keras's names. Error naming the layer for any other.
Interpolation interpolation_named(std::string_view where, const std::string& name);

/// Images [batch, height, width, channels] in another size. Pixel centers lie at half-integers; pixels outside the
/// image do not count, the weights of the others are scaled to a sum of 1. `antialias` widens the kernel when the image
/// gets smaller. `nearest` keeps the element type, the others give the layer's.
Value resize_images(const Value& images, std::int64_t height, std::int64_t width, Interpolation,
                    bool antialias = false);

/// This many pixels in the middle of each axis.
Value middle_of(const Value& images, std::int64_t height, std::int64_t width);
/// The largest part in the middle with the aspect ratio of height to width, in whole pixels.
Value cut_to_ratio(const Value& images, std::int64_t height, std::int64_t width);

}  // namespace strata::layers
