#pragma once

#include <string>

#include "layers/layer.h"

/// Images [batch, height, width, channels] brought to one size, within a model.
namespace strata::layers {

struct ResizingOptions {
  /// Or "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic" (core/ops/resize_images.h).
  std::string interpolation = "bilinear";
  bool crop_to_aspect_ratio = false;       ///< first cuts off, evenly on both sides, what would distort the image
  bool pad_to_aspect_ratio = false;        ///< first puts `fill_value` around it instead
  std::string fill_mode = "constant";      ///< the only one that Keras has
  double fill_value = 0.0;
  bool antialias = false;  ///< wider kernels when the image gets smaller
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// In f32; integers are rounded to their type again.
STRATA_API Layer Resizing(std::int64_t height, std::int64_t width, const ResizingOptions& = {});

struct CenterCropOptions {
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// The middle of each image, in f32. A smaller image is cut to the aspect ratio of the result, then resized bilinearly.
STRATA_API Layer CenterCrop(std::int64_t height, std::int64_t width, const CenterCropOptions& = {});

}  // namespace strata::layers
