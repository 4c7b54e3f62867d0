#include "core/ops/arg_reduce.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/ops/arg_order.h"
#include "core/ops/reduce_stages.h"

namespace strata {

namespace {
constexpr std::size_t grain_elements = 4096;

std::size_t rows_grain(std::size_t n) { return std::max<std::size_t>(1, grain_elements / std::max<std::size_t>(1, n)); }

Type infer_arg(std::string_view name, std::int64_t axis, bool keepdims, std::span<const Type> in) {
  const Type type = detail::infer_unary(name, Domain::any, in);
  const int at = normalize_axis(axis, type.shape.rank(), name);
  if (type.shape[at] == 0) fail_expected(name, "an axis of at least one element", to_string(type));
  Shape out = type.shape.slice(0, at);
  if (keepdims) out.push_back(1);
  for (int i = at + 1; i < type.shape.rank(); ++i) out.push_back(type.shape[i]);
  return {DType::i64, out};
}

template <class Order>
void run_arg(Cpu& cpu, const Buffers& io, std::int64_t axis, std::string_view name) {
  const reduction::Stage lines = reduction::stage_along(io.in_type(0).shape, axis, name);
  const std::size_t n = lines.reduced, inner = lines.inner;
  dispatch(io.in_type(0).dtype, [&]<class T>() {
    const T* x = io.in<T>(0).data();
    const auto y = io.out<std::int64_t>(0);
    cpu.parallel_for(y.size(), [&](std::size_t i) {
      const T* from = x + i / inner * n * inner + i % inner;
      auto best = tiles::load(*from);
      std::size_t where = 0;
      for (std::size_t k = 1; k < n; ++k) {
        const auto candidate = tiles::load(from[k * inner]);
        if (Order::better(candidate, best)) {
          best = candidate;
          where = k;
        }
      }
      y[i] = static_cast<std::int64_t>(where);
    }, rows_grain(n));
  });
}

std::size_t last_of(const Type& type) { return static_cast<std::size_t>(type.shape.back()); }
std::size_t rows_of(const Type& type) {
  return static_cast<std::size_t>(type.shape.slice(0, type.shape.rank() - 1).elements());
}

/// Shapes [..., m] and [..., k] with equal leading axes, the second of i64.
void require_indexed(std::string_view name, std::span<const Type> in) {
  detail::require_inputs(name, 2, in);
  const bool ranks = in[0].shape.rank() > 0 && in[0].shape.rank() == in[1].shape.rank();
  if (!ranks || in[1].dtype != DType::i64 ||
      in[0].shape.slice(0, in[0].shape.rank() - 1) != in[1].shape.slice(0, in[1].shape.rank() - 1))
    fail_expected(name, "values and i64 indices that differ in the last axis only", to_string(in[0]) + " and " + to_string(in[1]));
}

std::size_t checked_index(std::int64_t i, std::size_t size, std::string_view name) {
  if (i < 0 || static_cast<std::size_t>(i) >= size)
    fail_expected(name, "indices in [0, " + std::to_string(size) + ")", "index " + std::to_string(i));
  return static_cast<std::size_t>(i);
}

template <class T>
void top_k_row(const T* x, std::size_t n, std::size_t k, std::int64_t* order, T* values, std::int64_t* indices) {
  std::iota(order, order + n, std::int64_t{0});
  std::partial_sort(order, order + k, order + n, [x](std::int64_t i, std::int64_t j) {
    return order::before<order::ComesFirst>(tiles::load(x[i]), i, tiles::load(x[j]), j);
  });
  for (std::size_t i = 0; i < k; ++i) {
    indices[i] = order[i];
    values[i] = x[order[i]];
  }
}
}  // namespace

Type ArgMax::infer(std::span<const Type> in) const { return infer_arg(name, axis, keepdims, in); }
Type ArgMin::infer(std::span<const Type> in) const { return infer_arg(name, axis, keepdims, in); }
void ArgMax::run(Cpu& cpu, Buffers io) const { run_arg<order::ComesFirst>(cpu, io, axis, name); }
void ArgMin::run(Cpu& cpu, Buffers io) const { run_arg<order::ComesLast>(cpu, io, axis, name); }

Types TopK::infer(std::span<const Type> in) const {
  Type type = detail::infer_unary(name, Domain::any, in);
  if (type.shape.rank() == 0 || k < 0 || k > type.shape.back())
    fail_expected(name, "at least " + std::to_string(k) + " elements in the last axis (and k >= 0)", to_string(type));
  type.shape[-1] = k;
  return {type, {DType::i64, type.shape}};
}

Kernel TopK::prepare(const CpuTarget& target, const Signature& s) const {
  const std::size_t n = last_of(s.inputs[0]), rows = rows_of(s.inputs[0]), count = static_cast<std::size_t>(k);
  Kernel kernel;
  kernel.scratch_bytes = static_cast<std::size_t>(target.threads) * n * sizeof(std::int64_t);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    dispatch(io.in_type(0).dtype, [&]<class T>() {
      const T* x = io.in<T>(0).data();
      T* values = io.out<T>(0).data();
      std::int64_t* indices = io.out<std::int64_t>(1).data();
      cpu.parallel_ranges(rows, rows_grain(n), [&](std::size_t begin, std::size_t end, int part) {
        std::int64_t* order = io.scratch<std::int64_t>() + static_cast<std::size_t>(part) * n;
        for (std::size_t r = begin; r < end; ++r)
          top_k_row(x + r * n, n, count, order, values + r * count, indices + r * count);
      });
    });
  };
  return kernel;
}

Values TopK::vjp(const Node& node, std::span<const Value> g) const {
  const Value& x = node.input(0);
  if (!g[0] || !is_floating(x.dtype())) return no_gradient();
  return {apply(TopKGradient{x.shape().back()}, g[0], node.output(1))};
}

Type TopKGradient::infer(std::span<const Type> in) const {
  require_indexed(name, in);
  if (in[0].shape != in[1].shape) fail_expected(name, "one index for each value", to_string(in[0]) + " and " + to_string(in[1]));
  Type out = in[0];
  out.shape[-1] = size;
  return out;
}

void TopKGradient::run(Cpu&, Buffers io) const {
  const std::size_t k = last_of(io.in_type(0)), n = last_of(io.out_type(0)), rows = rows_of(io.in_type(0));
  dispatch(io.in_type(0).dtype, [&]<class T>() {
    const auto g = io.in<T>(0);
    const auto y = io.out<T>(0);
    const auto indices = io.in<std::int64_t>(1);
    std::fill(y.begin(), y.end(), T{});
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t i = r * k; i < (r + 1) * k; ++i) y[r * n + checked_index(indices[i], n, name)] = g[i];
  });
}

Values TopKGradient::vjp(const Node& node, Value h) const { return {apply(TopKSelect{}, h, node.input(1)), {}}; }

Type TopKSelect::infer(std::span<const Type> in) const {
  require_indexed(name, in);
  return {in[0].dtype, in[1].shape};
}

void TopKSelect::run(Cpu&, Buffers io) const {
  const std::size_t n = last_of(io.in_type(0)), k = last_of(io.in_type(1)), rows = rows_of(io.in_type(1));
  dispatch(io.in_type(0).dtype, [&]<class T>() {
    const auto x = io.in<T>(0);
    const auto y = io.out<T>(0);
    const auto indices = io.in<std::int64_t>(1);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t i = r * k; i < (r + 1) * k; ++i) y[i] = x[r * n + checked_index(indices[i], n, name)];
  });
}

Values TopKSelect::vjp(const Node& node, Value g) const {
  if (!is_floating(g.dtype())) return no_gradient();
  return {apply(TopKGradient{node.input(0).shape().back()}, g, node.input(1)), {}};
}

Type InTopK::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 2, in);
  const Type &targets = in[0], &predictions = in[1];
  if (k < 1) fail_expected(name, "k of at least 1", std::to_string(k));
  if (!is_floating(predictions.dtype) || predictions.shape.rank() == 0)
    fail_expected(name, "floating predictions [..., classes]", to_string(predictions));
  const Shape batch = predictions.shape.slice(0, predictions.shape.rank() - 1);
  if ((targets.dtype != DType::i32 && targets.dtype != DType::i64) || targets.shape != batch)
    fail_expected(name, "targets of type i32 or i64 and shape " + to_string(batch), to_string(targets));
  return {DType::boolean, batch};
}

void InTopK::run(Cpu& cpu, Buffers io) const {
  const std::size_t n = last_of(io.in_type(1));
  const auto hits = io.out<bool>(0);
  dispatch(io.in_type(1).dtype, [&]<class T>() {
    const T* x = io.in<T>(1).data();
    const auto hit = [&](std::size_t r, std::int64_t target) {
      if (target < 0 || static_cast<std::size_t>(target) >= n) return false;
      const T* row = x + r * n;
      const auto own = tiles::load(row[target]);
      std::int64_t larger = 0;
      bool finite = true;
      for (std::size_t i = 0; i < n; ++i) {
        const auto value = tiles::load(row[i]);
        finite = finite && value - value == 0;
        larger += value > own;
      }
      return finite && larger < k;
    };
    const bool wide = io.in_type(0).dtype == DType::i64;
    cpu.parallel_for(hits.size(), [&](std::size_t r) {
      hits[r] = hit(r, wide ? io.in<std::int64_t>(0)[r] : io.in<std::int32_t>(0)[r]);
    }, rows_grain(n));
  });
}

}  // namespace strata
