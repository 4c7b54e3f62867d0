#pragma once

#include <string>

#include "layers/activations.h"
#include "layers/arguments.h"
#include "layers/layer.h"

/// Convolutions of each channel by itself; inputs, padding and data format as in layers/conv.h. Output channel c *
/// depth_multiplier + m is input channel c under its m-th kernel.
namespace strata::layers {

template <std::size_t N>
struct DepthwiseConvOptions {
  Size<N> strides = 1;
  std::string padding = "valid";
  std::int64_t depth_multiplier = 1;
  std::string data_format = "channels_last";
  Size<N> dilation_rate = 1;
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
using DepthwiseConv1DOptions = DepthwiseConvOptions<1>;
using DepthwiseConv2DOptions = DepthwiseConvOptions<2>;

/// Weights: kernel [size..., channels, depth_multiplier], bias [channels * depth_multiplier].
STRATA_API Layer DepthwiseConv1D(Size1 kernel_size, const DepthwiseConv1DOptions& = {});
STRATA_API Layer DepthwiseConv2D(Size2 kernel_size, const DepthwiseConv2DOptions& = {});

template <std::size_t N>
struct SeparableConvOptions {
  Size<N> strides = 1;
  std::string padding = "valid";
  std::string data_format = "channels_last";
  Size<N> dilation_rate = 1;
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
using SeparableConv1DOptions = SeparableConvOptions<1>;
using SeparableConv2DOptions = SeparableConvOptions<2>;

/// A depthwise convolution, which takes strides and dilation, then one with a kernel of size 1, which has the bias.
/// Weights: depthwise_kernel [size..., channels, depth_multiplier], pointwise_kernel [1..., channels *
/// depth_multiplier, filters], bias [filters].
STRATA_API Layer SeparableConv1D(std::int64_t filters, Size1 kernel_size, const SeparableConv1DOptions& = {});
STRATA_API Layer SeparableConv2D(std::int64_t filters, Size2 kernel_size, const SeparableConv2DOptions& = {});

// Keras's other names.
inline Layer SeparableConvolution1D(std::int64_t filters, Size1 kernel_size, const SeparableConv1DOptions& o = {}) {
  return SeparableConv1D(filters, kernel_size, o);
}
inline Layer SeparableConvolution2D(std::int64_t filters, Size2 kernel_size, const SeparableConv2DOptions& o = {}) {
  return SeparableConv2D(filters, kernel_size, o);
}

}  // namespace strata::layers
