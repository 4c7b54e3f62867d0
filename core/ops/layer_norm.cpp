#include <cmath>

#include "core/ops/batch_norm.h"
#include "core/ops/norm_loops.h"
#include "core/ops/softmax_rows.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
using namespace norm;

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
  sum_rows(cpu, r, 2, partials, sums, [&](std::size_t first, std::size_t last, T* to) {
    for (std::size_t row = first; row < last; ++row) {
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
    }
  });
  std::copy_n(sums, c, dbeta);
  std::copy_n(sums + c, c, dgamma);
}
}  // namespace

Type LayerNorm::infer(std::span<const Type> in) const {
  check(name, in, 0, 3);
  return in[0];
}

Values LayerNorm::vjp(const Node& node, Value g) const {
  return apply_all(LayerNormGradient{epsilon}, g, node.input(0), node.input(1));
}

Kernel LayerNorm::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return row_kernel<float, double>(target, s.inputs[0], 0, 0,
                                   [e = epsilon]<class T>(Cpu& cpu, const Rows& r, const Buffers& io) {
                                     layer_forward(cpu, r, static_cast<T>(e), io);
                                   });
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
  return row_kernel<float, double>(target, s.inputs[1], 2, 4,
                                   [e = epsilon]<class T>(Cpu& cpu, const Rows& r, const Buffers& io) {
                                     layer_backward(cpu, r, static_cast<T>(e), io);
                                   });
}

}  // namespace strata
