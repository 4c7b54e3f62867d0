#include "core/ops/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "core/ops/norm_rows.h"
#include "core/ops/softmax_rows.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
using norm::Rows;

/// Below this many elements a thread is not worth waking.
std::size_t row_grain(const Rows& r) { return std::max<std::size_t>(1, 16384 / std::max<std::size_t>(1, r.channels)); }

void check(std::string_view name, std::span<const Type> in, std::size_t image, std::size_t count) {
  if (in.size() != count) fail_expected(name, std::to_string(count) + " inputs", std::to_string(in.size()));
  const Type& x = in[image];
  if (!is_floating(x.dtype) || x.shape.rank() < 2) fail_expected(name, "a floating array of rank 2 or more", to_string(x));
  const Type vector{x.dtype, {x.shape.back()}};
  for (std::size_t i = image + 1; i < count; ++i)
    if (in[i] != vector) fail_expected(name, to_string(vector) + " beside " + to_string(x), to_string(in[i]));
  if (image > 0 && in[0] != x) fail_expected(name, "a gradient of type " + to_string(x), to_string(in[0]));
}

/// Long sums lose digits, so each thread sums blocks of this many rows before they join.
constexpr std::size_t rows_of_a_block = 256;

/// Sums of `count` vectors over the rows: add(row, sums of a block), then over the blocks of a thread, then over the
/// threads, in order, into `total`. Each thread has 2 * count vectors of partial sums.
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
      for (std::size_t row = start; row < std::min(last, start + rows_of_a_block); ++row) add(row, block);
      for (std::size_t i = 0; i < width; ++i) sums[i] += block[i];
    }
  });
  std::copy_n(partials, width, total);
  for (int p = 1; p < parts; ++p)
    for (std::size_t i = 0; i < width; ++i) total[i] += partials[2 * width * static_cast<std::size_t>(p) + i];
}

/// The mean over the rows of one vector: term(row, channel).
template <class T, class F>
void mean_over_rows(Cpu& cpu, const Rows& r, T* partials, T* mean, F&& term) {
  sum_rows(cpu, r, 1, partials, mean, [&, c = r.channels](std::size_t row, T* to) {
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) to[i] += term(row, i);
  });
  for (std::size_t i = 0; i < r.channels; ++i) mean[i] /= static_cast<T>(r.rows);
}

template <class T>
void batch_forward(Cpu& cpu, const Rows& r, T epsilon, const Buffers& io) {
  const T *x = io.in<T>(0).data(), *gamma = io.in<T>(1).data(), *beta = io.in<T>(2).data();
  T *y = io.out<T>(0).data(), *mean = io.out<T>(1).data(), *variance = io.out<T>(2).data();
  const std::size_t c = r.channels;
  T* scale = io.scratch<T>();
  T *shift = scale + c, *partials = scale + 2 * c;
  mean_over_rows(cpu, r, partials, mean, [&](std::size_t row, std::size_t i) { return x[row * c + i]; });
  mean_over_rows(cpu, r, partials, variance, [&](std::size_t row, std::size_t i) {
    const T d = x[row * c + i] - mean[i];
    return d * d;
  });
  for (std::size_t i = 0; i < c; ++i) {
    scale[i] = gamma[i] / std::sqrt(variance[i] + epsilon);
    shift[i] = beta[i] - mean[i] * scale[i];
  }
  cpu.parallel_ranges(r.rows, row_grain(r), [&](std::size_t first, std::size_t last, int) {
    for (std::size_t row = first; row < last; ++row) {
      STRATA_INDEPENDENT_ITERATIONS
      for (std::size_t i = 0; i < c; ++i) y[row * c + i] = x[row * c + i] * scale[i] + shift[i];
    }
  });
}

/// With n rows, xhat = (x - mean) / sigma: dbeta = sum g, dgamma = sum g xhat,
/// dx = gamma / sigma (g - dbeta / n - xhat dgamma / n).
template <class T>
void batch_backward(Cpu& cpu, const Rows& r, T epsilon, const Buffers& io) {
  const T *g = io.in<T>(0).data(), *x = io.in<T>(1).data(), *gamma = io.in<T>(2).data();
  const T *mean = io.in<T>(3).data(), *variance = io.in<T>(4).data();
  T *dx = io.out<T>(0).data(), *dgamma = io.out<T>(1).data(), *dbeta = io.out<T>(2).data();
  const std::size_t c = r.channels;
  T* inverse = io.scratch<T>();
  T *sums = inverse + c, *partials = inverse + 3 * c;
  for (std::size_t i = 0; i < c; ++i) inverse[i] = T(1) / std::sqrt(variance[i] + epsilon);
  sum_rows(cpu, r, 2, partials, sums, [&](std::size_t row, T* to) {
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) {
      to[i] += g[row * c + i];
      to[c + i] += g[row * c + i] * (x[row * c + i] - mean[i]) * inverse[i];
    }
  });
  std::copy_n(sums, c, dbeta);
  std::copy_n(sums + c, c, dgamma);
  const T n = static_cast<T>(r.rows);
  for (std::size_t i = 0; i < 2 * c; ++i) sums[i] /= n;
  cpu.parallel_ranges(r.rows, row_grain(r), [&](std::size_t first, std::size_t last, int) {
    for (std::size_t row = first; row < last; ++row) {
      STRATA_INDEPENDENT_ITERATIONS
      for (std::size_t i = 0; i < c; ++i) {
        const T normal = (x[row * c + i] - mean[i]) * inverse[i];
        dx[row * c + i] = gamma[i] * inverse[i] * (g[row * c + i] - sums[i] - normal * sums[c + i]);
      }
    }
  });
}

/// sum of f(i) for i in [0, c); short rows are not worth the way through a buffer.
template <class T, class F>
T row_sum(std::size_t c, F&& f) {
  if (c >= 16) return rows::sum_of<T>(c, f);
  T sum = 0;
  for (std::size_t i = 0; i < c; ++i) sum += f(i);
  return sum;
}

template <class T>
struct RowStatistics {
  T mean = 0, inverse = 0;
  RowStatistics(const T* x, std::size_t c, T epsilon) {
    mean = reduction::reduce_row<reduction::Plus, T>(x, c) / static_cast<T>(c);
    const T squares = row_sum<T>(c, [=, m = mean](std::size_t i) { return (x[i] - m) * (x[i] - m); });
    inverse = T(1) / std::sqrt(squares / static_cast<T>(c) + epsilon);
  }
};

template <class T>
void layer_forward(Cpu& cpu, const Rows& r, T epsilon, const Buffers& io) {
  const T *x = io.in<T>(0).data(), *gamma = io.in<T>(1).data(), *beta = io.in<T>(2).data();
  T* y = io.out<T>(0).data();
  const std::size_t c = r.channels;
  cpu.parallel_ranges(r.rows, row_grain(r), [&](std::size_t first, std::size_t last, int) {
    for (std::size_t row = first; row < last; ++row) {
      const RowStatistics<T> s(x + row * c, c, epsilon);
      STRATA_INDEPENDENT_ITERATIONS
      for (std::size_t i = 0; i < c; ++i) y[row * c + i] = (x[row * c + i] - s.mean) * s.inverse * gamma[i] + beta[i];
    }
  });
}

template <class T>
void layer_backward(Cpu& cpu, const Rows& r, T epsilon, const Buffers& io) {
  const T *g = io.in<T>(0).data(), *x = io.in<T>(1).data(), *gamma = io.in<T>(2).data();
  T *dx = io.out<T>(0).data(), *dgamma = io.out<T>(1).data(), *dbeta = io.out<T>(2).data();
  const std::size_t c = r.channels;
  T *sums = io.scratch<T>(), *partials = sums + 2 * c;
  sum_rows(cpu, r, 2, partials, sums, [&](std::size_t row, T* to) {
    const T *xr = x + row * c, *gr = g + row * c;
    const RowStatistics<T> s(xr, c, epsilon);
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) {
      to[i] += gr[i];
      to[c + i] += gr[i] * ((xr[i] - s.mean) * s.inverse);
    }
    const T n = static_cast<T>(c);
    const T mean = row_sum<T>(c, [=](std::size_t i) { return gr[i] * gamma[i]; }) / n;
    const T slope =
        row_sum<T>(c, [=](std::size_t i) { return gr[i] * gamma[i] * ((xr[i] - s.mean) * s.inverse); }) / n;
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) {
      const T normal = (xr[i] - s.mean) * s.inverse;
      dx[row * c + i] = s.inverse * (gr[i] * gamma[i] - mean - normal * slope);
    }
  });
  std::copy_n(sums, c, dbeta);
  std::copy_n(sums + c, c, dgamma);
}

/// `vectors` of C elements of scratch, and as many for each thread.
template <class F>
Kernel row_kernel(const CpuTarget& target, const Signature& s, const Shape& x, std::size_t vectors, std::size_t per_thread, F&& loop) {
  const Rows r(x);
  Kernel kernel;
  kernel.scratch_bytes =
      r.channels * size_of(s.inputs[0].dtype) * (vectors + per_thread * static_cast<std::size_t>(std::max(1, target.threads)));
  kernel.run = [r, loop](Cpu& cpu, const Buffers& io) {
    if (io.in_type(0).dtype == DType::f64)
      loop.template operator()<double>(cpu, r, io);
    else
      loop.template operator()<float>(cpu, r, io);
  };
  return kernel;
}
}  // namespace

Types BatchNormTrain::infer(std::span<const Type> in) const {
  check(name, in, 0, 3);
  return {in[0], in[1], in[1]};
}

Values BatchNormTrain::vjp(const Node& node, std::span<const Value> g) const {
  if (g[1] || g[2]) throw Error(name, "the statistics of a batch cannot be differentiated; its output can");
  if (!g[0]) return no_gradient();
  return apply_all(BatchNormGradient{epsilon}, g[0], node.input(0), node.input(1), node.output(1), node.output(2));
}

Kernel BatchNormTrain::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return row_kernel(target, s, s.inputs[0].shape, 2, 2,
                    [e = epsilon]<class T>(Cpu& cpu, const Rows& r, const Buffers& io) { batch_forward(cpu, r, static_cast<T>(e), io); });
}

Types BatchNormGradient::infer(std::span<const Type> in) const {
  check(name, in, 1, 5);
  return {in[1], in[2], in[2]};
}

Values BatchNormGradient::vjp(const Node&, std::span<const Value>) const {
  throw Error(name, "has no gradient: batch_norm can be differentiated once");
}

Kernel BatchNormGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return row_kernel(target, s, s.inputs[1].shape, 3, 4,
                    [e = epsilon]<class T>(Cpu& cpu, const Rows& r, const Buffers& io) { batch_backward(cpu, r, static_cast<T>(e), io); });
}

Type LayerNorm::infer(std::span<const Type> in) const {
  check(name, in, 0, 3);
  return in[0];
}

Values LayerNorm::vjp(const Node& node, Value g) const {
  return apply_all(LayerNormGradient{epsilon}, g, node.input(0), node.input(1));
}

Kernel LayerNorm::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return row_kernel(target, s, s.inputs[0].shape, 0, 0,
                    [e = epsilon]<class T>(Cpu& cpu, const Rows& r, const Buffers& io) { layer_forward(cpu, r, static_cast<T>(e), io); });
}

Types LayerNormGradient::infer(std::span<const Type> in) const {
  check(name, in, 1, 3);
  return {in[1], in[2], in[2]};
}

Values LayerNormGradient::vjp(const Node&, std::span<const Value>) const {
  throw Error(name, "has no gradient: layer_norm can be differentiated once");
}

Kernel LayerNormGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return row_kernel(target, s, s.inputs[1].shape, 2, 4,
                    [e = epsilon]<class T>(Cpu& cpu, const Rows& r, const Buffers& io) { layer_backward(cpu, r, static_cast<T>(e), io); });
}

}  // namespace strata
