#pragma once

// The sizes of a two-dimensional convolution or pooling, shared by all kernels in this folder.
//
// Memory is row-major: x [batch, in_height, in_width, in_channels],
// w [kernel_height, kernel_width, in_channels / groups, out_channels],
// y [batch, out_height, out_width, out_channels]. Output channel o reads the input channels of
// group o / (out_channels / groups). A depthwise kernel [kh, kw, channels, multiplier] is the
// case groups == in_channels, out_channels == channels * multiplier, with the same memory.
//
//   y[n, i, j, o] = sum over (p, q, c) of w[p, q, c, o]
//                   * x[n, i * stride - pad_top + p * dilation, j * ... - pad_left + q * ..., c]
// where positions outside of x count as zero. Padding below and to the right is implied by the
// output size. Nothing here checks the sizes; the ops do.

#include <cstddef>

namespace strata::kernels {

using Index = std::ptrdiff_t;

struct Conv2DGeometry {
  Index batch = 1;
  Index in_height = 1, in_width = 1, in_channels = 1;
  Index out_height = 1, out_width = 1, out_channels = 1;
  Index kernel_height = 1, kernel_width = 1;
  Index stride_height = 1, stride_width = 1;
  Index dilation_height = 1, dilation_width = 1;
  Index pad_top = 0, pad_left = 0;
  Index groups = 1;

  Index group_in() const { return in_channels / groups; }
  Index group_out() const { return out_channels / groups; }
  Index in_image() const { return in_height * in_width * in_channels; }
  Index out_image() const { return out_height * out_width * out_channels; }
  // Products summed into one output element.
  Index patch() const { return kernel_height * kernel_width * group_in(); }
  Index kernel_size() const { return patch() * out_channels; }
};

struct Pool2DGeometry {
  Index batch = 1;
  Index in_height = 1, in_width = 1, channels = 1;
  Index out_height = 1, out_width = 1;
  Index window_height = 1, window_width = 1;
  Index stride_height = 1, stride_width = 1;
  Index pad_top = 0, pad_left = 0;

  Index in_image() const { return in_height * in_width * channels; }
  Index out_image() const { return out_height * out_width * channels; }
};

}  // namespace strata::kernels
