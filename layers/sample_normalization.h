#pragma once

#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// Normalizations of each sample by itself, the same in training and inference, besides LayerNormalization.
namespace strata::layers {

struct GroupNormalizationOptions {
  std::int64_t groups = 32;  ///< -1: one for each channel, which is instance normalization
  std::int64_t axis = -1;    ///< of the channels
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  Constraint beta_constraint = {};
  Constraint gamma_constraint = {};
  std::string name = {};
  bool trainable = true;
};
/// gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each group of neighbouring channels
/// over all positions of a sample (Wu and He, "Group normalization", 2018). Error unless the groups divide the
/// channels. Weights: gamma (if scale), beta (if center), [channels].
STRATA_API Layer GroupNormalization(const GroupNormalizationOptions& = {});

struct RMSNormalizationOptions {
  AxisArgument axis = -1;
  double epsilon = 1e-6;
  std::string name = {};
  bool trainable = true;
};
/// scale x / sqrt(mean(x^2) + epsilon), with the mean over `axis` (Zhang and Sennrich, "Root mean square layer
/// normalization", 2019). Weight: scale, in the shape of the axes, from ones.
STRATA_API Layer RMSNormalization(const RMSNormalizationOptions& = {});

struct UnitNormalizationOptions {
  AxisArgument axis = -1;
  std::string name = {};
  bool trainable = true;
};
/// x divided by its Euclidean length over `axis`, or multiplied by 1e12 where that is less.
STRATA_API Layer UnitNormalization(const UnitNormalizationOptions& = {});

}  // namespace strata::layers
