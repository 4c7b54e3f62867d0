#include "core/ops/softmax.h"

#include <array>

#include "core/ops/binary.h"
#include "core/ops/reduce.h"
#include "core/ops/softmax_rows.h"

namespace strata {

namespace {
template <class T>
void softmax_row(const T* x, T* y, std::size_t n) {
  using A = tiles::Arithmetic<T>;
  const A shift = rows::largest(x, n);
  if constexpr (std::same_as<T, A>) {
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < n; ++i) y[i] = math::exp(x[i] - shift);
    const A scale = A{1} / reduction::reduce_row<reduction::Plus, A>(y, n);
    for (std::size_t i = 0; i < n; ++i) y[i] *= scale;
  } else {
    const A scale = A{1} / rows::sum_of_exp(x, n, shift);
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < n; ++i) y[i] = tiles::store<T>(math::exp(tiles::load(x[i]) - shift) * scale);
  }
}

template <class T>
void log_softmax_row(const T* x, T* y, std::size_t n) {
  const auto shift = rows::largest(x, n);
  const auto log_sum = math::log(rows::sum_of_exp(x, n, shift));
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < n; ++i) y[i] = tiles::store<T>(tiles::load(x[i]) - shift - log_sum);
}

template <class T>
void gradient_row(const T* g, const T* y, T* dx, std::size_t n) {
  using A = tiles::Arithmetic<T>;
  const A dot = rows::sum_of<A>(n, [=](std::size_t i) { return tiles::load(g[i]) * tiles::load(y[i]); });
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < n; ++i) dx[i] = tiles::store<T>(tiles::load(y[i]) * (tiles::load(g[i]) - dot));
}

constexpr std::size_t most_columns = 128;

/// An axis that is not the last: `columns` neighbouring places at a time are laid out as rows, worked on, and laid back.
/// Each thread has (inputs * most_columns + 1) rows of scratch.
template <class T, std::size_t inputs, class RowFunction>
void run_strided(Cpu& cpu, const reduction::Stage& v, const std::array<const T*, inputs>& in, T* out, T* scratch, RowFunction&& row) {
  const std::size_t chunks = (v.inner + most_columns - 1) / most_columns, block = most_columns * v.reduced;
  cpu.parallel_ranges(v.outer * chunks, 1, [&](std::size_t begin, std::size_t end, int part) {
    T* const rows = scratch + static_cast<std::size_t>(part) * (inputs * block + v.reduced);
    T* const result = rows + inputs * block;
    for (std::size_t task = begin; task < end; ++task) {
      const std::size_t first = task % chunks * most_columns, columns = std::min(most_columns, v.inner - first);
      const std::size_t base = task / chunks * v.reduced * v.inner + first;
      for (std::size_t k = 0; k < inputs; ++k)
        for (std::size_t i = 0; i < v.reduced; ++i)
          for (std::size_t c = 0; c < columns; ++c) rows[k * block + c * v.reduced + i] = in[k][base + i * v.inner + c];
      for (std::size_t c = 0; c < columns; ++c) {
        std::array<const T*, inputs> at;
        for (std::size_t k = 0; k < inputs; ++k) at[k] = rows + k * block + c * v.reduced;
        row(at, result);
        for (std::size_t i = 0; i < v.reduced; ++i) out[base + i * v.inner + c] = result[i];
      }
    }
  });
}

/// A kernel that calls row(inputs, output) for every row along the axis.
template <std::size_t inputs, class RowFunction>
Kernel row_kernel(const CpuTarget& target, const Signature& s, std::int64_t axis, std::string_view name, RowFunction row) {
  const reduction::Stage v = reduction::stage_along(s.inputs[0].shape, axis, name);
  Kernel kernel;
  for (std::size_t k = 0; k < inputs; ++k) kernel.in_place.push_back({static_cast<int>(k), 0});
  if (v.inner > 1)
    kernel.scratch_bytes = static_cast<std::size_t>(target.threads) * (inputs * most_columns + 1) * v.reduced *
                           size_of(s.inputs[0].dtype);
  const auto run_as = [=]<class T>(Cpu& cpu, const Buffers& io) {
    std::array<const T*, inputs> in;
    for (std::size_t k = 0; k < inputs; ++k) in[k] = io.in<T>(k).data();
    T* out = io.out<T>(0).data();
    const auto row_of_n = [&](const std::array<const T*, inputs>& x, T* y) { row(x, y, v.reduced); };
    if (v.inner > 1) return run_strided<T, inputs>(cpu, v, in, out, io.scratch<T>(), row_of_n);
    cpu.parallel_ranges(v.outer, rows::grain(v.reduced), [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t o = begin; o < end; ++o) {
        std::array<const T*, inputs> at;
        for (std::size_t k = 0; k < inputs; ++k) at[k] = in[k] + o * v.reduced;
        row_of_n(at, out + o * v.reduced);
      }
    });
  };
  switch (s.inputs[0].dtype) {
    case DType::f64: kernel.run = [=](Cpu& c, const Buffers& io) { run_as.template operator()<double>(c, io); }; break;
    case DType::f16: kernel.run = [=](Cpu& c, const Buffers& io) { run_as.template operator()<Half>(c, io); }; break;
    case DType::bf16: kernel.run = [=](Cpu& c, const Buffers& io) { run_as.template operator()<BFloat16>(c, io); }; break;
    default: kernel.run = [=](Cpu& c, const Buffers& io) { run_as.template operator()<float>(c, io); }; break;
  }
  return kernel;
}

Type infer_along(std::string_view name, std::int64_t axis, std::span<const Type> in) {
  const Type type = detail::infer_unary(name, Domain::floating, in);
  normalize_axis(axis, type.shape.rank(), name);
  return type;
}
}  // namespace

Type Softmax::infer(std::span<const Type> in) const { return infer_along(name, axis, in); }
Type LogSoftmax::infer(std::span<const Type> in) const { return infer_along(name, axis, in); }
Type SoftmaxGradient::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 2, in);
  if (in[0] != in[1]) fail_expected(name, to_string(in[1]), to_string(in[0]));
  return infer_along(name, axis, in.first(1));
}

Kernel Softmax::prepare(const CpuTarget& target, const Signature& s) const {
  return row_kernel<1>(target, s, axis, name, [](const auto& x, auto* y, std::size_t n) { softmax_row(x[0], y, n); });
}
Kernel LogSoftmax::prepare(const CpuTarget& target, const Signature& s) const {
  return row_kernel<1>(target, s, axis, name, [](const auto& x, auto* y, std::size_t n) { log_softmax_row(x[0], y, n); });
}
Kernel SoftmaxGradient::prepare(const CpuTarget& target, const Signature& s) const {
  return row_kernel<2>(target, s, axis, name, [](const auto& x, auto* y, std::size_t n) { gradient_row(x[0], x[1], y, n); });
}

Values Softmax::vjp(const Node& node, Value g) const { return {apply(SoftmaxGradient{axis}, g, node.output())}; }

Values LogSoftmax::vjp(const Node& node, Value g) const {
  return {g - exp(node.output()) * sum(g, {axis}, {.keepdims = true})};
}

Values SoftmaxGradient::vjp(const Node& node, Value h) const {
  const Value &g = node.input(0), &y = node.input(1);
  const Axes along{axis};
  const Value hy = sum(h * y, along, {.keepdims = true}), gy = sum(g * y, along, {.keepdims = true});
  return {apply(SoftmaxGradient{axis}, h, y), h * (g - gy) - g * hy};
}

}  // namespace strata
