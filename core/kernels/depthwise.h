#pragma once

// Depthwise convolution: groups == in_channels, out_channels == in_channels * multiplier, kernel
// [kernel_height, kernel_width, in_channels, multiplier]. Vectorized over the output channels.
// Any stride, dilation and padding; kernel_width up to 64.
//
// Forward and data gradient are cut by units of one row of y (or dx) of one image; with a
// multiplier above 1 a unit is an image, which is first spread over the output channels (or
// gathered from them). Scratch comes from the caller, in the bytes stated.

#include <cstddef>

#include "core/base/half.h"
#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

bool depthwise_applies(const Conv2DGeometry& g);

Index depthwise_forward_units(const Conv2DGeometry& g);
std::size_t depthwise_forward_scratch_bytes(const Conv2DGeometry& g);
void depthwise_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const float* x,
                       const float* w, const float* bias, bool relu, float* y, void* scratch);

// Overwrites dx.
Index depthwise_data_gradient_units(const Conv2DGeometry& g);
std::size_t depthwise_data_gradient_scratch_bytes(const Conv2DGeometry& g);
void depthwise_data_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                             const float* dy, const float* w, float* dx, void* scratch);

// dw += the share of these units, counted as in the forward direction.
std::size_t depthwise_weight_gradient_scratch_bytes(const Conv2DGeometry& g);
void depthwise_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                               const float* x, const float* dy, float* dw, void* scratch);

// The same with images in bf16, each result rounded once; kernel, bias and dw stay in f32. Units and scratch are those
// above; the weight gradient needs none. Multipliers of 1 only.
bool depthwise_applies_to_bf16(const Conv2DGeometry& g);
void depthwise_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const BFloat16* x, const float* w,
                       const float* bias, bool relu, BFloat16* y, void* scratch);
void depthwise_data_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit, const BFloat16* dy,
                             const float* w, BFloat16* dx, void* scratch);
void depthwise_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit, const BFloat16* x,
                               const BFloat16* dy, float* dw);

}  // namespace strata::kernels
