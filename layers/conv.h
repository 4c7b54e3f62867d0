#pragma once

#include <optional>
#include <string>

#include "layers/activations.h"
#include "layers/arguments.h"
#include "layers/layer.h"

/// Convolutions over sequences [batch, steps, channels], images [batch, height, width, channels] and volumes [batch,
/// depth, height, width, channels]. `padding` is "valid" (none) or "same": the output has ceil(size / stride)
/// positions, and what padding that needs lies around the input with the larger half at the end. Conv1D also takes
/// "causal": all of it lies in front, so that no output depends on a later step. `data_format` exists as
/// "channels_last" only.
///
/// Errors, as in Keras: sizes below 1, strides with dilation, groups that do not divide channels and filters, an input
/// that is smaller than the kernel.
namespace strata::layers {

template <std::size_t N>
struct ConvOptions {
  Size<N> strides = 1;
  std::string padding = "valid";
  std::string data_format = "channels_last";
  Size<N> dilation_rate = 1;
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
using Conv1DOptions = ConvOptions<1>;
using Conv2DOptions = ConvOptions<2>;
using Conv3DOptions = ConvOptions<3>;

/// Weights: kernel [size..., channels / groups, filters], bias [filters].
STRATA_API Layer Conv1D(std::int64_t filters, Size1 kernel_size, const Conv1DOptions& = {});
STRATA_API Layer Conv2D(std::int64_t filters, Size2 kernel_size, const Conv2DOptions& = {});
STRATA_API Layer Conv3D(std::int64_t filters, Size3 kernel_size, const Conv3DOptions& = {});

template <std::size_t N>
struct ConvTransposeOptions {
  Size<N> strides = 1;
  std::string padding = "valid";
  std::optional<Size<N>> output_padding = {};
  std::string data_format = "channels_last";
  Size<N> dilation_rate = 1;
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
using Conv1DTransposeOptions = ConvTransposeOptions<1>;
using Conv2DTransposeOptions = ConvTransposeOptions<2>;
using Conv3DTransposeOptions = ConvTransposeOptions<3>;

/// The gradient of a convolution with respect to its input. With k = dilation (kernel - 1) + 1 an axis of n positions
/// becomes "valid": (n - 1) stride + max(k, stride), "same": n stride; with an output padding p "valid": (n - 1) stride
/// + k + p, "same": (n - 1) stride + k mod 2 + p. Weights: kernel [size..., filters, channels], bias [filters].
STRATA_API Layer Conv1DTranspose(std::int64_t filters, Size1 kernel_size, const Conv1DTransposeOptions& = {});
STRATA_API Layer Conv2DTranspose(std::int64_t filters, Size2 kernel_size, const Conv2DTransposeOptions& = {});
STRATA_API Layer Conv3DTranspose(std::int64_t filters, Size3 kernel_size, const Conv3DTransposeOptions& = {});

// Keras's other names.
inline Layer Convolution1D(std::int64_t filters, Size1 kernel_size, const Conv1DOptions& o = {}) {
  return Conv1D(filters, kernel_size, o);
}
inline Layer Convolution2D(std::int64_t filters, Size2 kernel_size, const Conv2DOptions& o = {}) {
  return Conv2D(filters, kernel_size, o);
}
inline Layer Convolution3D(std::int64_t filters, Size3 kernel_size, const Conv3DOptions& o = {}) {
  return Conv3D(filters, kernel_size, o);
}
inline Layer Convolution1DTranspose(std::int64_t filters, Size1 kernel_size, const Conv1DTransposeOptions& o = {}) {
  return Conv1DTranspose(filters, kernel_size, o);
}
inline Layer Convolution2DTranspose(std::int64_t filters, Size2 kernel_size, const Conv2DTransposeOptions& o = {}) {
  return Conv2DTranspose(filters, kernel_size, o);
}
inline Layer Convolution3DTranspose(std::int64_t filters, Size3 kernel_size, const Conv3DTransposeOptions& o = {}) {
  return Conv3DTranspose(filters, kernel_size, o);
}

}  // namespace strata::layers
