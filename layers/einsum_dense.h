#pragma once

#include <string>

#include "layers/activations.h"
#include "layers/arguments.h"
#include "layers/layer.h"

namespace strata::layers {

struct EinsumDenseOptions {
  strata::Activation activation = {};
  std::string bias_axes = {};  ///< letters of the result along which the bias varies; empty: no bias
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

/// activation(einsum(equation, x, kernel) + bias), for instance "abc,cd->abd": letters name the axes of the input, the
/// kernel and the result; sums run over those that the result lacks. "...x,xy->...y" and "ab...,bc->ac..." leave other
/// axes of the input as they are. `output_shape` has the sizes of the result without the batch (with dots on the left,
/// of the named axes only); -1 where the input says it.
/// Weights: kernel, with the axes of the equation's second part; bias, from the first axis of bias_axes on, 1
/// elsewhere.
STRATA_API Layer EinsumDense(const std::string& equation, const Sizes& output_shape, const EinsumDenseOptions& = {});

}  // namespace strata::layers
