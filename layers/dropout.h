#pragma once

#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// Dropout: in training each number becomes 0 with probability `rate`, the others are multiplied by 1 / (1 - rate). In
/// inference nothing happens.
///
/// Random numbers: the layer owns a state (seed, step) that is no weight; each step of training adds 1 to the step. The
/// n-th call of the layer within one step draws from stream n. With seed -1 the seed is drawn from the process seed
/// when the layer is built.
namespace strata::layers {

struct DropoutOptions {
  OptionalSizes noise_shape = {};  ///< sizes of the mask: 1 shares it along an axis, -1 takes the input's size
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
STRATA_API Layer Dropout(double rate, const DropoutOptions& = {});

struct SpatialDropout1DOptions {
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// Drops whole channels of sequences [batch, steps, channels].
STRATA_API Layer SpatialDropout1D(double rate, const SpatialDropout1DOptions& = {});

struct SpatialDropout2DOptions {
  std::string data_format = "channels_last";
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// Drops whole channels of images [batch, height, width, channels].
STRATA_API Layer SpatialDropout2D(double rate, const SpatialDropout2DOptions& = {});

using SpatialDropout3DOptions = SpatialDropout2DOptions;
/// Drops whole channels of volumes [batch, depth, height, width, channels].
STRATA_API Layer SpatialDropout3D(double rate, const SpatialDropout3DOptions& = {});

}  // namespace strata::layers
