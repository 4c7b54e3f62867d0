#pragma once

#include <optional>
#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// Pooling over images [batch, height, width, channels]; padding and data format as in layers/conv2d.h. Padding never
/// counts: not as a maximum, not in the divisor of a mean.
namespace strata::layers {

struct Pooling2DOptions {
  std::optional<Size2> strides = {};  ///< none: the pool size
  std::string padding = "valid";
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};

STRATA_API Layer MaxPooling2D(Size2 pool_size = 2, const Pooling2DOptions& = {});
STRATA_API Layer AveragePooling2D(Size2 pool_size, const Pooling2DOptions& = {});

struct GlobalPooling2DOptions {
  std::string data_format = "channels_last";
  bool keepdims = false;  ///< [batch, 1, 1, channels] rather than [batch, channels]
  std::string name = {};
  bool trainable = true;
};

STRATA_API Layer GlobalMaxPooling2D(const GlobalPooling2DOptions& = {});
STRATA_API Layer GlobalAveragePooling2D(const GlobalPooling2DOptions& = {});

}  // namespace strata::layers
