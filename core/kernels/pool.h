#pragma once

// Two-dimensional max and average pooling over [batch, height, width, channels], vectorized over
// channels, for a range of images [first_image, last_image); x, y, dy and dx point at the whole
// batch. Positions in the padding never count: not as maxima, not in the divisor of a mean.
// Every window must hold at least one position inside of x. No scratch.

#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

// NaN: a window whose values include NaN yields NaN.
void max_pool_forward(const Pool2DGeometry& g, Index first_image, Index last_image, const float* x,
                      float* y);

// The gradient of each window goes to its first maximum in row-major order, found by comparing x
// with the forward result y; a window whose maximum is NaN passes it to its first NaN. Overwrites
// dx.
void max_pool_backward(const Pool2DGeometry& g, Index first_image, Index last_image,
                       const float* x, const float* y, const float* dy, float* dx);

void average_pool_forward(const Pool2DGeometry& g, Index first_image, Index last_image,
                          const float* x, float* y);

// Overwrites dx.
void average_pool_backward(const Pool2DGeometry& g, Index first_image, Index last_image,
                           const float* dy, float* dx);

}  // namespace strata::kernels
