#pragma once

#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// Layers that disturb numbers in training and do nothing in inference. Random numbers are as in layers/dropout.h.
namespace strata::layers {

struct NoiseOptions {
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// x + z, z normal with standard deviation `stddev`, between 0 and 1.
STRATA_API Layer GaussianNoise(double stddev, const NoiseOptions& = {});

/// x z, z normal with mean 1 and standard deviation sqrt(rate / (1 - rate)). Error in training when the rate is 1.
STRATA_API Layer GaussianDropout(double rate, const NoiseOptions& = {});

struct AlphaDropoutOptions {
  OptionalSizes noise_shape = {};  ///< sizes of the mask: 1 shares it along an axis, -1 takes the input's size
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// Dropout that keeps the mean and variance of SELU's outputs (Klambauer and others, "Self-normalizing neural
/// networks", 2017): with probability `rate` a number becomes SELU's lower limit, and an affine function corrects both
/// moments. Error in training when the rate is 1.
STRATA_API Layer AlphaDropout(double rate, const AlphaDropoutOptions& = {});

}  // namespace strata::layers
