#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "core/graph/op.h"
#include "core/graph/tile_loops.h"
#include "core/ops/norm_rows.h"

/// What the normalizations have in common on the processor. For source files of ops only.
namespace strata::norm {

/// Below this many elements a thread is not worth waking.
inline std::size_t row_grain(const Rows& r) {
  return std::max<std::size_t>(1, 16384 / std::max<std::size_t>(1, r.channels));
}

/// `mixed`: vectors may be f32 beside an x of 16 bits.
inline void check(std::string_view name, std::span<const Type> in, std::size_t image, std::size_t count,
                  bool mixed = false) {
  if (in.size() != count) fail_expected(name, std::to_string(count) + " inputs", std::to_string(in.size()));
  const Type& x = in[image];
  if (!is_floating(x.dtype) || x.shape.rank() < 2)
    fail_expected(name, "a floating array of rank 2 or more", to_string(x));
  const bool f32_vectors = mixed && size_of(x.dtype) == 2 && in[image + 1].dtype == DType::f32;
  const Type vector{f32_vectors ? DType::f32 : x.dtype, {x.shape.back()}};
  for (std::size_t i = image + 1; i < count; ++i)
    if (in[i] != vector) fail_expected(name, to_string(vector) + " beside " + to_string(x), to_string(in[i]));
  if (image > 0 && in[0] != x) fail_expected(name, "a gradient of type " + to_string(x), to_string(in[0]));
}

/// Long sums lose digits, so each thread sums blocks of this many rows before they join.
inline constexpr std::size_t rows_of_a_block = 256;

/// Sums of `count` vectors over the rows: add(first row, last row, sums of a block), then over the blocks of a thread,
/// then over the threads, in order, into `total`. Each thread has 2 * count vectors of partial sums.
template <class T, class F>
void sum_rows(Cpu& cpu, const Rows& r, std::size_t count, T* partials, T* total, F&& add) {
  const std::size_t width = count * r.channels;
  const int parts = cpu.parts_of(r.rows, row_grain(r));
  std::fill_n(partials, 2 * width * static_cast<std::size_t>(parts), T(0));
  cpu.parallel_ranges(r.rows, row_grain(r), [&](std::size_t first, std::size_t last, int part) {
    T* sums = partials + 2 * width * static_cast<std::size_t>(part);
    T* block = sums + width;
    for (std::size_t start = first; start < last; start += rows_of_a_block) {
      std::fill_n(block, width, T(0));
      add(start, std::min(last, start + rows_of_a_block), block);
      for (std::size_t i = 0; i < width; ++i) sums[i] += block[i];
    }
  });
  std::copy_n(partials, width, total);
  for (int p = 1; p < parts; ++p)
    for (std::size_t i = 0; i < width; ++i) total[i] += partials[2 * width * static_cast<std::size_t>(p) + i];
}

/// `vectors` of C numbers of scratch, and as many for each thread. `loop` is called with the element type of x, one of
/// E.
template <class... E, class F>
Kernel row_kernel(const CpuTarget& target, const Type& x, std::size_t vectors, std::size_t per_thread, F&& loop) {
  const Rows r(x.shape);
  Kernel kernel;
  kernel.scratch_bytes = r.channels * (x.dtype == DType::f64 ? sizeof(double) : sizeof(float)) *
                         (vectors + per_thread * static_cast<std::size_t>(std::max(1, target.threads)));
  kernel.run = [r, loop, dtype = x.dtype](Cpu& cpu, const Buffers& io) {
    const auto run_as = [&]<class T>() {
      if (dtype == dtype_of<T>()) loop.template operator()<T>(cpu, r, io);
    };
    (run_as.template operator()<E>(), ...);
  };
  return kernel;
}

}  // namespace strata::norm
