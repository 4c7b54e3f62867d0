#pragma once

#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

namespace strata::layers {

struct BatchNormalizationOptions {
  std::int64_t axis = -1;
  double momentum = 0.99;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Initializer moving_mean_initializer = "zeros";
  Initializer moving_variance_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  Constraint beta_constraint = {};
  Constraint gamma_constraint = {};
  bool synchronized = false;  ///< statistics of the samples of all replicas, where a strategy has several
  std::string name = {};
  bool trainable = true;
};

/// gamma (x - mean) / sqrt(variance + epsilon) + beta, for each position on `axis`. While it trains, mean and variance
/// (of the whole population) are those of the batch, of a replica's part of it where there are several and it is not
/// `synchronized`, and the moving ones become momentum * moving + (1 - momentum) * batch. In inference, and in training
/// while the layer is frozen, the moving ones are used and stay. Weights: gamma (if scale), beta (if center),
/// moving_mean, moving_variance, all [size of the axis].
STRATA_API Layer BatchNormalization(const BatchNormalizationOptions& = {});

struct LayerNormalizationOptions {
  AxisArgument axis = -1;
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

/// gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance over `axis` for each sample.
/// Weights: gamma (if scale), beta (if center), in the shape of the axes.
STRATA_API Layer LayerNormalization(const LayerNormalizationOptions& = {});

}  // namespace strata::layers
