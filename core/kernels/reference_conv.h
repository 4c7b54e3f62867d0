#pragma once

// Convolution and pooling as their definitions read, for any floating type: the oracle of the
// tests, and the kernels of float64. Whole batches, one thread, no scratch. Sums run in T.

#include <algorithm>
#include <limits>

#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

// Calls f(x_index, w_index, y_index) for every product of the convolution. Depthwise
// convolution is the case groups == in_channels.
template <typename F>
void for_each_product(const Conv2DGeometry& g, Index first_image, Index last_image, F&& f) {
  const Index group_in = g.group_in(), group_out = g.group_out();
  for (Index n = first_image; n < last_image; ++n)
    for (Index i = 0; i < g.out_height; ++i)
      for (Index j = 0; j < g.out_width; ++j)
        for (Index p = 0; p < g.kernel_height; ++p) {
          const Index row = i * g.stride_height - g.pad_top + p * g.dilation_height;
          if (row < 0 || row >= g.in_height) continue;
          for (Index q = 0; q < g.kernel_width; ++q) {
            const Index column = j * g.stride_width - g.pad_left + q * g.dilation_width;
            if (column < 0 || column >= g.in_width) continue;
            const Index x = ((n * g.in_height + row) * g.in_width + column) * g.in_channels;
            const Index y = ((n * g.out_height + i) * g.out_width + j) * g.out_channels;
            const Index w = (p * g.kernel_width + q) * group_in * g.out_channels;
            for (Index c = 0; c < group_in; ++c)
              for (Index o = 0; o < g.out_channels; ++o)
                f(x + o / group_out * group_in + c, w + c * g.out_channels + o, y + o);
          }
        }
}

// The same over volumes.
template <typename F>
void for_each_product(const Conv3DGeometry& g, Index first_volume, Index last_volume, F&& f) {
  for (Index n = first_volume; n < last_volume; ++n)
    for (Index i = 0; i < g.out_depth; ++i)
      for (Index p = 0; p < g.kernel_depth; ++p) {
        const Index plane = g.in_plane(i, p);
        if (plane < 0 || plane >= g.in_depth) continue;
        const Index x = n * g.in_volume() + plane * g.plane.in_image(), w = p * g.plane.kernel_size();
        const Index y = n * g.out_volume() + i * g.plane.out_image();
        for_each_product(g.plane, 0, 1, [&](Index xi, Index wi, Index yi) { f(x + xi, w + wi, y + yi); });
      }
}

// Elements of one image or volume, and the output channels, of either geometry.
inline Index in_elements(const Conv2DGeometry& g) { return g.in_image(); }
inline Index in_elements(const Conv3DGeometry& g) { return g.in_volume(); }
inline Index out_elements(const Conv2DGeometry& g) { return g.out_image(); }
inline Index out_elements(const Conv3DGeometry& g) { return g.out_volume(); }
inline Index filters(const Conv2DGeometry& g) { return g.out_channels; }
inline Index filters(const Conv3DGeometry& g) { return g.plane.out_channels; }

// y is overwritten; bias [filters] may be null. Images or volumes [first, last).
template <typename Geometry, typename T>
void reference_conv_forward(const Geometry& g, Index first, Index last, const T* x, const T* w, const T* bias, T* y) {
  for (Index i = first * out_elements(g); i < last * out_elements(g); ++i) {
    y[i] = bias == nullptr ? T(0) : bias[i % filters(g)];
  }
  for_each_product(g, first, last, [&](Index xi, Index wi, Index yi) { y[yi] += x[xi] * w[wi]; });
}

// dx = the gradient of sum(y * dy) with respect to x; overwritten.
template <typename Geometry, typename T>
void reference_conv_data_gradient(const Geometry& g, Index first, Index last, const T* dy, const T* w, T* dx) {
  std::fill(dx + first * in_elements(g), dx + last * in_elements(g), T(0));
  for_each_product(g, first, last, [&](Index xi, Index wi, Index yi) { dx[xi] += dy[yi] * w[wi]; });
}

// dw += the part of the kernel's gradient that these images contribute.
template <typename Geometry, typename T>
void reference_conv_weight_gradient(const Geometry& g, Index first, Index last, const T* x, const T* dy, T* dw) {
  for_each_product(g, first, last, [&](Index xi, Index wi, Index yi) { dw[wi] += x[xi] * dy[yi]; });
}

// Calls f(x_offset, y_offset, count_inside) for every position of every window, rows first;
// offsets are those of channel 0.
template <typename F>
void for_each_window_position(const Pool2DGeometry& g, Index first_image, Index last_image,
                              F&& f) {
  for (Index n = first_image; n < last_image; ++n)
    for (Index i = 0; i < g.out_height; ++i)
      for (Index j = 0; j < g.out_width; ++j) {
        const auto rows = g.rows(i), columns = g.columns(j);
        const Index y = ((n * g.out_height + i) * g.out_width + j) * g.channels;
        for (Index row = rows.first; row < rows.first + rows.size; ++row)
          for (Index column = columns.first; column < columns.first + columns.size; ++column)
            f(((n * g.in_height + row) * g.in_width + column) * g.channels, y, rows.size * columns.size);
      }
}

// Positions in the padding are no candidates. NaN: a window whose values include NaN yields NaN.
template <typename T>
void reference_max_pool_forward(const Pool2DGeometry& g, Index first_image, Index last_image,
                                const T* x, T* y) {
  std::fill(y + first_image * g.out_image(), y + last_image * g.out_image(),
            -std::numeric_limits<T>::infinity());
  for_each_window_position(g, first_image, last_image, [&](Index xi, Index yi, Index) {
    for (Index c = 0; c < g.channels; ++c) {
      const T v = x[xi + c];
      if (v > y[yi + c] || v != v) y[yi + c] = v;
    }
  });
}

// The gradient goes to the first maximum of each window, in row-major order, or to its first NaN;
// dx is overwritten.
template <typename T>
void reference_max_pool_backward(const Pool2DGeometry& g, Index first_image, Index last_image,
                                 const T* x, const T* dy, T* dx) {
  std::fill(dx + first_image * g.in_image(), dx + last_image * g.in_image(), T(0));
  for (Index c = 0; c < g.channels; ++c) {
    Index window = -1, best = 0;
    const auto flush = [&] {
      if (window >= 0) dx[best] += dy[window];
    };
    for_each_window_position(g, first_image, last_image, [&](Index xi, Index yi, Index) {
      if (yi + c != window) {
        flush();
        window = yi + c;
        best = xi + c;
      } else if (x[xi + c] > x[best] || (x[xi + c] != x[xi + c] && x[best] == x[best])) {
        best = xi + c;
      }
    });
    flush();
  }
}

// The mean over the positions of the window that lie inside of x.
template <typename T>
void reference_average_pool_forward(const Pool2DGeometry& g, Index first_image, Index last_image,
                                    const T* x, T* y) {
  std::fill(y + first_image * g.out_image(), y + last_image * g.out_image(), T(0));
  for_each_window_position(g, first_image, last_image, [&](Index xi, Index yi, Index count) {
    for (Index c = 0; c < g.channels; ++c) y[yi + c] += x[xi + c] / static_cast<T>(count);
  });
}

template <typename T>
void reference_average_pool_backward(const Pool2DGeometry& g, Index first_image, Index last_image,
                                     const T* dy, T* dx) {
  std::fill(dx + first_image * g.in_image(), dx + last_image * g.in_image(), T(0));
  for_each_window_position(g, first_image, last_image, [&](Index xi, Index yi, Index count) {
    for (Index c = 0; c < g.channels; ++c) dx[xi + c] += dy[yi + c] / static_cast<T>(count);
  });
}

}  // namespace strata::kernels
