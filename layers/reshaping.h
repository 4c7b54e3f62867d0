#pragma once

#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// Layers that move elements without computing, and UpSampling2D. They keep the element type.
namespace strata::layers {

struct FlattenOptions {
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};

/// [batch, ...] -> [batch, n]; [batch] -> [batch, 1].
STRATA_API Layer Flatten(const FlattenOptions& = {});

/// [batch, ...] -> [batch, target_shape...]; one size may be -1. Error unless the number of elements stays.
STRATA_API Layer Reshape(const Shape& target_shape, const LayerArguments& = {});

/// Axis i of the result is axis dims[i - 1] of the input; axes are counted from 1, the batch stays in front.
STRATA_API Layer Permute(const Axes& dims, const LayerArguments& = {});

struct ZeroPadding2DOptions {
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};

/// Zeros around images [batch, height, width, channels].
STRATA_API Layer ZeroPadding2D(Margins2 padding = 1, const ZeroPadding2DOptions& = {});

struct UpSampling2DOptions {
  std::string data_format = "channels_last";
  std::string interpolation = "nearest";  ///< or "bilinear", with pixel centers at half-integers
  std::string name = {};
  bool trainable = true;
};

/// Images `size` times as high and wide. "bilinear" computes in f32.
STRATA_API Layer UpSampling2D(Size2 size = 2, const UpSampling2DOptions& = {});

}  // namespace strata::layers
