#pragma once

#include <optional>
#include <string>

#include "layers/activations.h"
#include "layers/arguments.h"
#include "layers/layer.h"

/// Convolutions over images [batch, height, width, channels]. `padding` is "valid" (none) or "same": the output has
/// ceil(size / stride) positions, and what padding that needs lies around the image with the larger half at the end.
/// `data_format` exists as "channels_last" only.
namespace strata::layers {

struct Conv2DOptions {
  Size2 strides = 1;
  std::string padding = "valid";
  std::string data_format = "channels_last";
  Size2 dilation_rate = 1;
  std::int64_t groups = 1;
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

/// Weights: kernel [height, width, channels / groups, filters], bias [filters].
STRATA_API Layer Conv2D(std::int64_t filters, Size2 kernel_size, const Conv2DOptions& = {});

struct Conv2DTransposeOptions {
  Size2 strides = 1;
  std::string padding = "valid";
  std::optional<Size2> output_padding = {};
  std::string data_format = "channels_last";
  Size2 dilation_rate = 1;
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

/// The gradient of a convolution with respect to its input. With k = dilation (kernel - 1) + 1 an axis of n positions
/// becomes "valid": (n - 1) stride + max(k, stride), "same": n stride; with an output padding p "valid": (n - 1) stride
/// + k + p, "same": (n - 1) stride + k mod 2 + p. Weights: kernel [height, width, filters, channels], bias [filters].
STRATA_API Layer Conv2DTranspose(std::int64_t filters, Size2 kernel_size, const Conv2DTransposeOptions& = {});

}  // namespace strata::layers
