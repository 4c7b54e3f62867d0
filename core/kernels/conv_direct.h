#pragma once

// Convolution with few input channels (images), vectorized over the output channels: input
// values are broadcast from padded rows, no patch matrix is built. Any kernel size, stride and
// dilation; groups must be 1.
//
// A unit of work is one output row of one image; threads take ranges of units. Scratch comes
// from the caller, in the bytes stated.

#include <cstddef>

#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

Index conv_direct_units(const Conv2DGeometry& g);

// The kernel with output channels padded to whole vectors.
std::size_t conv_direct_kernel_bytes(const Conv2DGeometry& g);
void conv_direct_pack_kernel(const Conv2DGeometry& g, const float* w, float* packed);

std::size_t conv_direct_scratch_bytes(const Conv2DGeometry& g);

// y = x * w (+ bias)(, relu); bias may be null.
void conv_direct_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                         const float* x, const float* packed, const float* bias, bool relu,
                         float* y, void* scratch);

// dw += the share of these units; dw has the kernel's layout.
void conv_direct_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                                 const float* x, const float* dy, float* dw, void* scratch);

}  // namespace strata::kernels
