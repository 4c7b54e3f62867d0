#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/export.h"
#include "core/device/tensor.h"

/// Image files and the size of images. Images are [height, width, channels] with values from 0 to 255.
namespace strata::image {

/// Keras's arguments of ops.image.resize.
struct ResizeOptions {
  /// "nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or "mitchellcubic": see
  /// core/ops/resize_images.h.
  std::string interpolation = "bilinear";
  bool antialias = false;             ///< wider kernels where the image gets smaller
  bool crop_to_aspect_ratio = false;  ///< first cuts off, evenly on both sides, what would distort the image
  bool pad_to_aspect_ratio = false;   ///< first puts `fill_value` around it instead
  double fill_value = 0;
};
/// [h,w,c] or [n,h,w,c], u8 or of a floating type, with another height and width; u8 becomes f32, but with "nearest".
/// Error for other ranks and types, sizes below 1, an unknown interpolation, and cropping together with padding.
STRATA_API Tensor resize(const Tensor& images, const std::array<std::int64_t, 2>& size, const ResizeOptions& = {});

/// tf.image.resize_with_pad, with which image_dataset_from_directory pads: first resizes, so that one side fits and the
/// other is smaller, then puts zeros around the image. Always a floating type. Errors as above.
STRATA_API Tensor resize_with_pad(const Tensor& images, const std::array<std::int64_t, 2>& size,
                                  const std::string& interpolation = "bilinear", bool antialias = false);

struct LoadOptions {
  std::int64_t height = 0, width = 0;  ///< of the result; both 0: those of the file
  std::string color_mode = "rgb";      ///< or "grayscale", "rgba" (not of JPEG files): 3, 1 or 4 channels
  std::string interpolation = "bilinear";
  bool antialias = false;
  bool crop_to_aspect_ratio = false;  ///< as resize()
  bool pad_to_aspect_ratio = false;   ///< as resize_with_pad(), which is what Keras's readers of files do
  /// JPEG files are decoded at 1/2, 1/4 or 1/8 of their size, where this is still at least height x width: faster,
  /// and smoother than Keras's values. Needs a height and width.
  bool scaled_decoding = false;
};
/// The image in a JPEG, PNG, GIF or BMP file, by its content and not its name, as f32 [height, width, channels]: values
/// as tf.io.decode_image gives them, of an animation the first picture. Error naming the file if it cannot be read, is
/// damaged, cut off or of another format, or has more than 2^27 pixels; and for options that do not fit.
STRATA_API Tensor load(const std::string& path, const LoadOptions& = {});
/// The same from memory. Errors name `where`.
STRATA_API Tensor decode(std::string_view bytes, const LoadOptions& = {}, const std::string& where = "image");

struct SaveOptions {
  int quality = 75;  ///< of JPEG: 1 to 100
};
/// Writes an image [h,w,c] (or [1,h,w,c]) of 1 or 3 channels, as PNG also of 4, u8 or floating: values are rounded and
/// cut off at 0 and 255, NaN is an error. `path` ends in .png, .jpg or .jpeg, which chooses the format. The file
/// appears whole or not at all. (Keras's save_img stretches the values to 0 to 255 unless it is told not to; this does
/// not.)
STRATA_API void save(const std::string& path, const Tensor& image, const SaveOptions& = {});

}  // namespace strata::image
