#pragma once

// Two-dimensional convolution for one thread on a slice of the work, by the algorithm that suits
// the geometry. This is what the convolution ops call.
//
// Each direction counts its work in units; the caller cuts [0, units) into ranges, one per
// thread, and gives each thread scratch of its own. Forward and data gradient read a kernel that
// `prepare` arranged beforehand (once per step, or once for constant weights); `prepare` is cut
// into shares 0 <= part < parts that write disjoint memory. What a unit of these two directions
// computes does not depend on the cut. All pointers need the alignment of double; 64 bytes are
// faster. Any geometry is accepted whose sizes are positive and whose channels are multiples of
// its groups; nothing is checked here.

#include <cstddef>

#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

enum class Conv2DAlgorithm {
  depthwise,  // one input channel per group
  winograd,   // 3x3, stride 1: F(4x4, 3x3)
  direct,     // few input channels
  gemm,       // everything else: matrix products over gathered patches
};

// The rule, in this order:
//   depthwise  groups == in_channels > 1 and kernel_width <= 64;
//   winograd   kernel 3x3, strides, dilations and groups 1, at least 8 channels on both sides,
//              the tiles of 4x4 outputs at least half filled and at least 48 of them, which repays
//              transforming the kernel (the data gradient counts the tiles of dx);
//   direct     groups == 1 and in_channels <= 4 (forward and weight gradient only);
//   gemm       otherwise.
Conv2DAlgorithm conv2d_forward_algorithm(const Conv2DGeometry& g);
Conv2DAlgorithm conv2d_data_gradient_algorithm(const Conv2DGeometry& g);
Conv2DAlgorithm conv2d_weight_gradient_algorithm(const Conv2DGeometry& g);

// y = x * w (+ bias)(, relu), overwritten; bias [out_channels] may be null.
Index conv2d_forward_units(const Conv2DGeometry& g);
std::size_t conv2d_forward_kernel_bytes(const Conv2DGeometry& g);
void conv2d_forward_prepare(const Conv2DGeometry& g, const float* w, float* prepared, Index part,
                            Index parts);
std::size_t conv2d_forward_scratch_bytes(const Conv2DGeometry& g);
void conv2d_forward_slice(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                          const float* x, const float* prepared, const float* bias, bool relu,
                          float* y, void* scratch);

// dx, overwritten.
Index conv2d_data_gradient_units(const Conv2DGeometry& g);
std::size_t conv2d_data_gradient_kernel_bytes(const Conv2DGeometry& g);
void conv2d_data_gradient_prepare(const Conv2DGeometry& g, const float* w, float* prepared,
                                  Index part, Index parts);
std::size_t conv2d_data_gradient_scratch_bytes(const Conv2DGeometry& g);
void conv2d_data_gradient_slice(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                                const float* dy, const float* prepared, float* dx, void* scratch);

// Each slice overwrites a partial of its own, an empty one too; `finish` adds `count` partials,
// `partial_stride` floats apart, in order, and writes its share of dw. The bits depend on the
// cut, and on nothing else.
Index conv2d_weight_gradient_units(const Conv2DGeometry& g);
std::size_t conv2d_weight_gradient_partial_bytes(const Conv2DGeometry& g);
std::size_t conv2d_weight_gradient_scratch_bytes(const Conv2DGeometry& g);
void conv2d_weight_gradient_slice(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                                  const float* x, const float* dy, float* partial, void* scratch);
void conv2d_weight_gradient_finish(const Conv2DGeometry& g, const float* partials,
                                   Index partial_stride, Index count, float* dw, Index part,
                                   Index parts);

}  // namespace strata::kernels
