#pragma once

#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// More positions along the axes between batch and channels.
namespace strata::layers {

/// Sequences [batch, steps, channels] with each step `size` times in a row.
STRATA_API Layer UpSampling1D(std::int64_t size = 2, const LayerArguments& = {});

struct UpSampling2DOptions {
  std::string data_format = "channels_last";
  std::string interpolation = "nearest";  ///< or another of Interpolation (core/ops/resize_images.h)
  std::string name = {};
  bool trainable = true;
};
/// Images [batch, height, width, channels] `size` times as high and wide. All but "nearest" compute in f32, with pixel
/// centers at half-integers.
STRATA_API Layer UpSampling2D(Size2 size = 2, const UpSampling2DOptions& = {});

struct UpSampling3DOptions {
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// Volumes [batch, depth, height, width, channels], each element repeated.
STRATA_API Layer UpSampling3D(Size3 size = 2, const UpSampling3DOptions& = {});

}  // namespace strata::layers
