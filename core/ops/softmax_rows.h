#pragma once

#include "core/kernels/math_functions.h"
#include "core/ops/reduce_kernel.h"

/// What softmax and the cross-entropies share, on one row of n elements. For source files only.
namespace strata::rows {

template <class T>
using Arithmetic = tiles::Arithmetic<T>;

template <class T>
Arithmetic<T> largest(const T* x, std::size_t n) {
  return reduction::reduce_row<reduction::Larger, Arithmetic<T>>(x, n);
}

/// sum of f(i) for i in [0, n), block by block so that f is computed in vectors.
template <class A, class F>
A sum_of(std::size_t n, F&& f) {
  A buffer[reduction::row_block];
  A total = 0;
  for (std::size_t first = 0; first < n; first += reduction::row_block) {
    const std::size_t count = std::min(reduction::row_block, n - first);
    for (std::size_t i = 0; i < count; ++i) buffer[i] = f(first + i);
    total += reduction::reduce_lanes<reduction::Plus>(buffer, count);
  }
  return total;
}

template <class T>
Arithmetic<T> sum_of_exp(const T* x, std::size_t n, Arithmetic<T> shift) {
  return sum_of<Arithmetic<T>>(n, [=](std::size_t i) { return math::exp(tiles::load(x[i]) - shift); });
}

/// Rows that make a range worth a thread.
inline std::size_t grain(std::size_t n) { return std::max<std::size_t>(1, 4096 / std::max<std::size_t>(1, n)); }

}  // namespace strata::rows
