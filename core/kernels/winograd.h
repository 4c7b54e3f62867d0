#pragma once

// 3x3 convolution with stride 1 by Winograd's minimal filtering F(4x4, 3x3): 36 products for 16
// outputs where the definition takes 144. Its rounding error is larger than that of a direct sum
// but stays below 5e-6 of the largest output (tested).
//
// Work is counted in units: one unit is one row of 4x4 tiles of one image, unit u belonging to
// image u / units_per_image. Threads take ranges of units; what a unit computes does not depend
// on the range. Nothing allocates: scratch comes from the caller, in the bytes stated.

#include <cstddef>

#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

// Kernel 3x3, strides, dilations and groups 1; any padding.
bool winograd_applies(const Conv2DGeometry& g);

Index winograd_units(const Conv2DGeometry& g);

// The convolution that maps dy to dx: channels and sizes swapped, padding mirrored.
Conv2DGeometry winograd_data_gradient_geometry(const Conv2DGeometry& g);

enum class WinogradKernel {
  forward,        // w is [3, 3, in_channels, out_channels] of the geometry
  data_gradient,  // w is [3, 3, out_channels, in_channels] of the geometry, to be mirrored
};

// The transformed kernel, packed for the matrix product. Shares of the work, 0 <= part < parts,
// write disjoint memory.
std::size_t winograd_kernel_bytes(const Conv2DGeometry& g);
void winograd_transform_kernel(const Conv2DGeometry& g, WinogradKernel kind, const float* w,
                               float* transformed, Index part, Index parts);

// y = x * w (+ bias)(, relu) on the units given; bias may be null. The data gradient is this with
// the geometry and the kernel of the data gradient.
std::size_t winograd_forward_scratch_bytes(const Conv2DGeometry& g);
void winograd_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const float* x,
                      const float* transformed, const float* bias, bool relu, float* y,
                      void* scratch);

// The share of the weight gradient of the units given, overwriting `partial`, which stays in the
// domain of the transform; `finish` sums `count` partials, `partial_stride` floats apart, in
// order, and transforms them for the input channels [first_channel, last_channel) of dw.
std::size_t winograd_partial_bytes(const Conv2DGeometry& g);
std::size_t winograd_weight_gradient_scratch_bytes(const Conv2DGeometry& g);
void winograd_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                              const float* x, const float* dy, float* partial, void* scratch);
void winograd_weight_gradient_finish(const Conv2DGeometry& g, const float* partials,
                                     Index partial_stride, Index count, Index first_channel,
                                     Index last_channel, float* dw);

}  // namespace strata::kernels
