#pragma once

#include <bit>
#include <cstring>

#include "core/graph/op.h"
#include "core/graph/tile_loops.h"
#include "core/ops/reduce_stages.h"

/// The processor's loops behind core/ops/reduce.h. For source files only.
namespace strata::reduction {

constexpr std::size_t row_block = 512;       // elements of a row that are added up lane by lane
constexpr std::size_t column_rows = 128;     // rows that are added up one after another
constexpr std::size_t column_width = 1024;   // columns of one task
constexpr std::size_t serial_elements = 32768;

/// Bytes of the widest vector of the level that is compiled.
#if defined(__AVX512F__)
constexpr std::size_t vector_bytes = 64;
#elif defined(__AVX2__)
constexpr std::size_t vector_bytes = 32;
#else
constexpr std::size_t vector_bytes = 16;
#endif

/// At most row_block elements.
template <class C, class Acc>
Acc reduce_lanes(const Acc* x, std::size_t n) {
  constexpr std::size_t lanes = vector_bytes / sizeof(Acc);
  using Vec [[gnu::vector_size(vector_bytes)]] = Acc;
  Acc total = C::template identity<Acc>();
  std::size_t i = 0;
  if (n >= lanes) {
    const auto at = [&](std::size_t k) {
      Vec v;
      std::memcpy(&v, x + k, sizeof v);
      return v;
    };
    Vec a = at(0);
    i = lanes;
    if (n >= 4 * lanes) {
      Vec b = at(lanes), c = at(2 * lanes), d = at(3 * lanes);
      for (i = 4 * lanes; i + 4 * lanes <= n; i += 4 * lanes) {
        a = C::combine(a, at(i));
        b = C::combine(b, at(i + lanes));
        c = C::combine(c, at(i + 2 * lanes));
        d = C::combine(d, at(i + 3 * lanes));
      }
      a = C::combine(C::combine(a, b), C::combine(c, d));
    }
    for (; i + lanes <= n; i += lanes) a = C::combine(a, at(i));
    Acc lane[lanes];
    std::memcpy(lane, &a, sizeof lane);
    for (std::size_t half = lanes / 2; half > 0; half /= 2)
      for (std::size_t k = 0; k < half; ++k) lane[k] = C::combine(lane[k], lane[k + half]);
    total = lane[0];
  }
  for (; i < n; ++i) total = C::combine(total, x[i]);
  return total;
}

/// Blocks of a row combined as a balanced tree.
template <class C, class Acc, class In>
Acc reduce_row(const In* x, std::size_t n) {
  if (n > row_block) {
    const std::size_t half = std::bit_floor(n - 1);
    return C::combine(reduce_row<C, Acc>(x, half), reduce_row<C, Acc>(x + half, n - half));
  }
  if constexpr (std::same_as<In, Acc> && !std::same_as<C, Or> && !std::same_as<C, And>) {
    return reduce_lanes<C>(x, n);
  } else {
    Acc buffer[row_block];
    for (std::size_t i = 0; i < n; ++i) buffer[i] = read<C, Acc>(x[i]);
    return reduce_lanes<C>(buffer, n);
  }
}

/// y[c] over `rows` rows that are `stride` elements apart, for `width` <= column_width columns.
template <class C, class Acc, class In>
void reduce_columns(const In* x, std::size_t rows, std::size_t stride, std::size_t width, Acc* __restrict y) {
  std::fill_n(y, width, C::template identity<Acc>());
  Acc block[column_width];
  for (std::size_t first = 0; first < rows; first += column_rows) {
    const std::size_t end = std::min(rows, first + column_rows);
    std::fill_n(block, width, C::template identity<Acc>());
    std::size_t row = first;
    for (; row + 4 <= end; row += 4) {
      const In *a = x + row * stride, *b = a + stride, *c = b + stride, *d = c + stride;
      for (std::size_t i = 0; i < width; ++i)
        block[i] = C::combine(block[i], C::combine(C::combine(read<C, Acc>(a[i]), read<C, Acc>(b[i])),
                                                   C::combine(read<C, Acc>(c[i]), read<C, Acc>(d[i]))));
    }
    for (; row < end; ++row)
      for (std::size_t i = 0; i < width; ++i) block[i] = C::combine(block[i], read<C, Acc>(x[row * stride + i]));
    for (std::size_t i = 0; i < width; ++i) y[i] = C::combine(y[i], block[i]);
  }
}

/// How often a stage's reduced axis is cut so that every thread has work; 1 when the results are enough work by themselves.
inline std::size_t cuts_of(const Stage& s, std::size_t threads) {
  const std::size_t tasks = s.inner == 1 ? s.outer : s.outer * ((s.inner + column_width - 1) / column_width);
  const bool small = s.results() * s.reduced < serial_elements;
  return small || tasks >= 4 * threads || s.reduced < 2 * threads ? 1 : threads;
}

/// Results of rows [first, last) of the reduced axis, for results [begin, end) in units of rows (inner == 1) or of
/// column chunks.
template <class C, class Acc, class In>
void reduce_part(const Stage& s, const In* x, Acc* y, std::size_t first, std::size_t last, std::size_t begin, std::size_t end) {
  if (s.inner == 1) {
    for (std::size_t o = begin; o < end; ++o) y[o] = reduce_row<C, Acc>(x + o * s.reduced + first, last - first);
    return;
  }
  const std::size_t chunks = (s.inner + column_width - 1) / column_width;
  for (std::size_t task = begin; task < end; ++task) {
    const std::size_t o = task / chunks, column = task % chunks * column_width;
    reduce_columns<C>(x + (o * s.reduced + first) * s.inner + column, last - first, s.inner,
                      std::min(column_width, s.inner - column), y + o * s.inner + column);
  }
}

/// One stage; `partial` holds cuts * results() elements when there are several cuts.
template <class C, class Acc, class In>
void run_stage(Cpu& cpu, const Stage& s, std::size_t cuts, const In* x, Acc* y, Acc* partial) {
  const std::size_t units = s.inner == 1 ? s.outer : s.outer * ((s.inner + column_width - 1) / column_width);
  if (cuts == 1) {
    const std::size_t unit_work = s.reduced * std::min(s.inner, column_width);
    const std::size_t grain = std::max<std::size_t>(1, serial_elements / std::max<std::size_t>(1, unit_work));
    cpu.parallel_ranges(units, grain, [&](std::size_t begin, std::size_t end, int) {
      reduce_part<C>(s, x, y, 0, s.reduced, begin, end);
    });
    return;
  }
  cpu.parallel_ranges(cuts, 1, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t cut = begin; cut < end; ++cut)
      reduce_part<C>(s, x, partial + cut * s.results(), s.reduced * cut / cuts, s.reduced * (cut + 1) / cuts, 0, units);
  });
  for (std::size_t i = 0; i < s.results(); ++i) {
    Acc total = partial[i];
    for (std::size_t cut = 1; cut < cuts; ++cut) total = C::combine(total, partial[cut * s.results() + i]);
    y[i] = total;
  }
}

/// Kernel over the axes of one input; the results, accumulated in Acc, are multiplied by `scale` on their way out.
template <class C, class In, class Acc, class Out>
Kernel make_kernel(const Signature& signature, const Axes& axes, double scale, int threads) {
  const auto stages = stages_of(signature.inputs[0].shape, axes);
  std::vector<std::size_t> cuts;
  std::size_t results = 0, partials = 0;
  for (const Stage& s : stages) {
    cuts.push_back(cuts_of(s, static_cast<std::size_t>(std::max(1, threads))));
    results += s.results();
    if (cuts.back() > 1) partials = std::max(partials, cuts.back() * s.results());
  }
  Kernel kernel;
  kernel.scratch_bytes = (results + partials) * sizeof(Acc);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    Acc* partial = io.scratch<Acc>();
    Acc* next = partial + partials;
    Acc* y = nullptr;
    for (std::size_t i = 0; i < stages.size(); ++i) {
      Acc* const from = y;
      y = next;
      if constexpr (std::same_as<Acc, Out>)
        if (i + 1 == stages.size()) y = io.out<Out>(0).data();
      if (i == 0)
        run_stage<C>(cpu, stages[i], cuts[i], io.in<In>(0).data(), y, partial);
      else
        run_stage<C>(cpu, stages[i], cuts[i], from, y, partial);
      next += stages[i].results();
    }
    if constexpr (std::same_as<Acc, Out>)
      if (scale == 1) return;
    const auto out = io.out<Out>(0);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if constexpr (std::is_floating_point_v<Acc>)
        out[i] = tiles::store<Out>(y[i] * static_cast<Acc>(scale));
      else
        out[i] = tiles::store<Out>(y[i]);
    }
  };
  return kernel;
}

}  // namespace strata::reduction
