#include "core/ops/fill.h"

#include <algorithm>
#include <cmath>

#include "core/graph/tile_loops.h"
#include "core/kernels/elementwise_functions.h"

namespace strata {

template <>
fn::Fill tiles::function_of<fn::Fill>(const Fill& op) {
  return {op.value};
}
template <>
fn::FillLike tiles::function_of<fn::FillLike>(const FillLike& op) {
  return {op.value};
}

namespace {
template <class F, class OpType, class T>
Tile fill_tile() {
  const TileFunction loop = [](const void* op, const void* const*, void* out, std::size_t n) {
    std::fill_n(static_cast<T*>(out), n, tiles::store<T>(static_cast<const OpType*>(op)->value));
  };
  return {loop, dtype_of<T>(), tiles::device_code<F, OpType>};
}

void require_sizes(const Shape& shape) {
  for (std::int64_t d : shape)
    if (d < 0) fail_expected("full", "concrete sizes of at least 0", to_string(shape));
}

template <class F>
Tensor filled_by(const Shape& shape, DType dtype, F&& f) {
  require_sizes(shape);
  Tensor t(dtype, shape, Device{});
  dispatch(dtype, [&]<class T>() {
    const auto y = t.mutable_data<T>();
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = tiles::store<T>(f(static_cast<std::int64_t>(i)));
  });
  return t.to(current_device());
}
}  // namespace

Type Fill::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 0, in);
  require_sizes(type.shape);
  return type;
}

Tile Fill::tile(std::span<const DType>) const {
  return dispatch(type.dtype, []<class T>() { return fill_tile<fn::Fill, Fill, T>(); });
}

Tile FillLike::tile(std::span<const DType> in) const {
  return dispatch(in[0], []<class T>() { return fill_tile<fn::FillLike, FillLike, T>(); });
}

Type Range::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 0, in);
  if (dtype == DType::boolean || count < 0)
    fail_expected(name, "a count of at least 0 and numbers",
                  "count " + std::to_string(count) + " of " + std::string(to_string(dtype)));
  return {dtype, {count}};
}

void Range::run(Cpu&, Buffers io) const {
  dispatch(dtype, [&]<class T>() {
    const auto y = io.out<T>(0);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = tiles::store<T>(start + step * static_cast<double>(i));
  });
}

Tensor full(const Shape& shape, double value, DType dtype) {
  return apply_all(Fill{{dtype, shape}, value}, Tensors{})[0];
}
Tensor zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }

Tensor arange(double start, double stop, double step, DType dtype) {
  if (step == 0 || !std::isfinite((stop - start) / step))
    fail_expected("arange", "finite limits and a step that is not 0",
                  std::to_string(start) + " to " + std::to_string(stop) + " by " + std::to_string(step));
  const auto count = static_cast<std::int64_t>(std::max(0.0, std::ceil((stop - start) / step)));
  return apply_all(Range{start, step, count, dtype}, Tensors{})[0];
}
Tensor arange(std::int64_t stop) { return apply_all(Range{0, 1, std::max<std::int64_t>(0, stop)}, Tensors{})[0]; }

Tensor linspace(double start, double stop, std::int64_t count, DType dtype) {
  const double intervals = static_cast<double>(std::max<std::int64_t>(1, count - 1));
  return filled_by({count}, dtype, [&](std::int64_t i) {
    return i > 0 && i == count - 1 ? stop : start + (stop - start) * (static_cast<double>(i) / intervals);
  });
}

Tensor eye(std::int64_t rows, std::int64_t columns, DType dtype) {
  const std::int64_t width = columns < 0 ? rows : columns;
  return filled_by({rows, width}, dtype, [&](std::int64_t i) { return i / width == i % width ? 1.0 : 0.0; });
}

}  // namespace strata
