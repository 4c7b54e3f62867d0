#pragma once

#include <string>

#include "layers/activations.h"
#include "layers/layer.h"

namespace strata::layers {

struct DenseOptions {
  strata::Activation activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint kernel_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  bool trainable = true;
};

/// activation(x . kernel + bias) over the last axis: [..., n] -> [..., units].
/// Weights: kernel [n, units], bias [units].
STRATA_API Layer Dense(std::int64_t units, const DenseOptions& = {});

}  // namespace strata::layers
