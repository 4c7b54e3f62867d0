#pragma once

// Convolution as matrix products over blocks of output pixels, whose patches are gathered row by
// row ("im2col"; 1x1 kernels with stride 1 read x itself). Any stride, dilation, padding, groups.
//
// Forward and weight gradient: a unit of work is one output row of one image. Data gradient: one
// image, because the patches of neighbouring rows overlap. Threads take ranges of units; scratch
// comes from the caller, in the bytes stated.

#include <cstddef>

#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

// The kernel packed per group; shares of the work, 0 <= part < parts, write disjoint memory.
std::size_t conv_gemm_forward_kernel_bytes(const Conv2DGeometry& g);
void conv_gemm_pack_forward_kernel(const Conv2DGeometry& g, const float* w, float* packed,
                                   Index part, Index parts);
std::size_t conv_gemm_data_kernel_bytes(const Conv2DGeometry& g);
void conv_gemm_pack_data_kernel(const Conv2DGeometry& g, const float* w, float* packed, Index part,
                                Index parts);

// y = x * w (+ bias)(, relu); bias may be null.
std::size_t conv_gemm_forward_scratch_bytes(const Conv2DGeometry& g);
void conv_gemm_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const float* x,
                       const float* packed, const float* bias, bool relu, float* y, void* scratch);

// dx of the images given; overwritten.
std::size_t conv_gemm_data_gradient_scratch_bytes(const Conv2DGeometry& g);
void conv_gemm_data_gradient(const Conv2DGeometry& g, Index first_image, Index last_image,
                             const float* dy, const float* packed, float* dx, void* scratch);

// dw += the share of these units; dw has the kernel's layout.
std::size_t conv_gemm_weight_gradient_scratch_bytes(const Conv2DGeometry& g);
void conv_gemm_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                               const float* x, const float* dy, float* dw, void* scratch);

}  // namespace strata::kernels
