#pragma once

#include <algorithm>

#include "core/kernels/conv_geometry.h"
#include "core/ops/pool.h"

/// The sizes of a pooling op, for every device. For source files only.
namespace strata::pooling {

inline std::int64_t output_size(const PoolWindow2D& w, std::int64_t n, std::size_t axis) {
  const std::int64_t s = w.stride(axis), k = w.size[axis];
  if (w.adaptive) return k;
  if (w.padding == Padding::same) return (n + s - 1) / s;
  return n < k ? 0 : (n - k) / s + 1;
}

inline std::int64_t padding_before(const PoolWindow2D& w, std::int64_t n, std::size_t axis) {
  if (w.padding == Padding::valid || w.adaptive) return 0;
  return std::max<std::int64_t>((output_size(w, n, axis) - 1) * w.stride(axis) + w.size[axis] - n, 0) / 2;
}

inline kernels::Pool2DGeometry geometry_of(const PoolWindow2D& w, const Shape& x) {
  if (w.adaptive && x[1] % w.size[0] == 0 && x[2] % w.size[1] == 0)  // all windows have one size
    return geometry_of({.size = {x[1] / w.size[0], x[2] / w.size[1]}}, x);
  kernels::Pool2DGeometry g;
  g.adaptive = w.adaptive;
  g.batch = x[0], g.in_height = x[1], g.in_width = x[2], g.channels = x[3];
  g.out_height = output_size(w, x[1], 0), g.out_width = output_size(w, x[2], 1);
  g.window_height = w.size[0], g.window_width = w.size[1];
  g.stride_height = w.stride(0), g.stride_width = w.stride(1);
  g.pad_top = padding_before(w, x[1], 0), g.pad_left = padding_before(w, x[2], 1);
  return g;
}

}  // namespace strata::pooling
