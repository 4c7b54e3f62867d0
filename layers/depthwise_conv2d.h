#pragma once

#include <string>

#include "layers/activations.h"
#include "layers/arguments.h"
#include "layers/layer.h"

/// Convolutions of each channel by itself; padding and data format as in layers/conv2d.h. Output channel c *
/// depth_multiplier + m is input channel c under its m-th kernel.
namespace strata::layers {

struct DepthwiseConv2DOptions {
  Size2 strides = 1;
  std::string padding = "valid";
  std::int64_t depth_multiplier = 1;
  std::string data_format = "channels_last";
  Size2 dilation_rate = 1;
  strata::Activation activation = {};
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint depthwise_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  bool trainable = true;
};

/// Weights: kernel [height, width, channels, depth_multiplier], bias [channels * depth_multiplier].
STRATA_API Layer DepthwiseConv2D(Size2 kernel_size, const DepthwiseConv2DOptions& = {});

struct SeparableConv2DOptions {
  Size2 strides = 1;
  std::string padding = "valid";
  std::string data_format = "channels_last";
  Size2 dilation_rate = 1;
  std::int64_t depth_multiplier = 1;
  strata::Activation activation = {};
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer pointwise_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {};
  Regularizer pointwise_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint depthwise_constraint = {};
  Constraint pointwise_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  bool trainable = true;
};

/// A depthwise convolution, which takes strides and dilation, then a 1x1 convolution, which has the bias.
/// Weights: depthwise_kernel [height, width, channels, depth_multiplier], pointwise_kernel
/// [1, 1, channels * depth_multiplier, filters], bias [filters].
STRATA_API Layer SeparableConv2D(std::int64_t filters, Size2 kernel_size, const SeparableConv2DOptions& = {});

}  // namespace strata::layers
