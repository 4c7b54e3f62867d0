#pragma once

// The sizes of a convolution or pooling, shared by all kernels in this folder.
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

#include <algorithm>
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

// Over volumes: x [batch, in_depth, in_height, in_width, in_channels], w and y likewise. Plane i of y sums, over the
// planes p of the kernel, the convolutions of plane in_plane(i, p) of x with them.
struct Conv3DGeometry {
  Index batch = 1;
  Index in_depth = 1, out_depth = 1, kernel_depth = 1;
  Index stride_depth = 1, dilation_depth = 1, pad_front = 0;
  Conv2DGeometry plane;  // of one plane with another: batch 1

  // May lie outside of x, where all is zero.
  Index in_plane(Index i, Index p) const { return i * stride_depth - pad_front + p * dilation_depth; }
  Index in_volume() const { return in_depth * plane.in_image(); }
  Index out_volume() const { return out_depth * plane.out_image(); }
  Index kernel_size() const { return kernel_depth * plane.kernel_size(); }
};

// Either windows of one size at equal distances, or, `adaptive`, windows that divide x as equally as whole positions
// allow: window i of n along an axis begins at floor(i * in / n) and ends before ceil((i + 1) * in / n).
struct Pool2DGeometry {
  Index batch = 1;
  Index in_height = 1, in_width = 1, channels = 1;
  Index out_height = 1, out_width = 1;
  Index window_height = 1, window_width = 1;
  Index stride_height = 1, stride_width = 1;
  Index pad_top = 0, pad_left = 0;
  bool adaptive = false;  // then windows, strides and padding mean nothing

  Index in_image() const { return in_height * in_width * channels; }
  Index out_image() const { return out_height * out_width * channels; }

  // Positions of x along one axis.
  struct Span {
    Index first, size;
  };
  // What window i looks at, without the padding.
  constexpr Span rows(Index i) const { return span(i, in_height, out_height, window_height, stride_height, pad_top); }
  constexpr Span columns(Index i) const { return span(i, in_width, out_width, window_width, stride_width, pad_left); }

 private:
  constexpr Span span(Index i, Index in, Index out, Index window, Index stride, Index pad) const {
    if (adaptive) return {i * in / out, ((i + 1) * in + out - 1) / out - i * in / out};
    const Index begin = i * stride - pad, first = std::max<Index>(begin, 0);
    return {first, std::min(begin + window, in) - first};
  }
};

}  // namespace strata::kernels
