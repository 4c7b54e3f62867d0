#pragma once

// Two-dimensional convolution of bfloat16 with sums in f32, for one thread, as products of core/kernels/gemm_bf16.h
// over rows that are found by pointers: nothing is gathered but what the product packs. One group; both channel counts
// even.
//
// As in core/kernels/conv2d.h, work is counted in units, here positions of y (of dx for the data gradient), which
// callers cut among threads; the forward direction and the data gradient do not depend on the cut. Scratch is 64-byte
// aligned.

#include <cstddef>

#include "core/base/half.h"
#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

bool conv_bf16_applies(const Conv2DGeometry& g);

// y = x * w (+ bias)(, relu), each element rounded once; bias [out_channels] may be null.
std::size_t conv_bf16_forward_kernel_bytes(const Conv2DGeometry& g);
void conv_bf16_forward_prepare(const Conv2DGeometry& g, const BFloat16* w, void* packed, Index part, Index parts);
std::size_t conv_bf16_forward_scratch_bytes(const Conv2DGeometry& g);
void conv_bf16_forward(const Conv2DGeometry& g, Index first, Index last, const BFloat16* x, const void* packed,
                       const BFloat16* bias, bool relu, BFloat16* y, void* scratch);

// dx, overwritten. Strides of 1 only.
std::size_t conv_bf16_data_kernel_bytes(const Conv2DGeometry& g);
void conv_bf16_data_prepare(const Conv2DGeometry& g, const BFloat16* w, void* packed, Index part, Index parts);
std::size_t conv_bf16_data_scratch_bytes(const Conv2DGeometry& g);
void conv_bf16_data_gradient(const Conv2DGeometry& g, Index first, Index last, const BFloat16* dy, const void* packed,
                             BFloat16* dx, void* scratch);

// dw [as the kernel, f32] += the share of these units.
std::size_t conv_bf16_weight_scratch_bytes(const Conv2DGeometry& g);
void conv_bf16_weight_gradient(const Conv2DGeometry& g, Index first, Index last, const BFloat16* x, const BFloat16* dy,
                               float* dw, void* scratch);

}  // namespace strata::kernels
