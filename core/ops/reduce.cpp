#include "core/ops/reduce.h"

#include "core/ops/repeat.h"
#include "core/ops/reduce_kernel.h"

namespace strata {

namespace {
Shape reduced_shape(const Shape& shape, const Axes& normalized, bool keepdims) {
  Shape out;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = std::find(normalized.begin(), normalized.end(), i) != normalized.end();
    if (!reduced)
      out.push_back(shape[i]);
    else if (keepdims)
      out.push_back(1);
  }
  return out;
}

std::int64_t reduced_count(const Shape& shape, const Axes& axes, std::string_view name) {
  std::int64_t count = 1;
  for (std::int64_t axis : normalize_axes(axes, shape.rank(), name)) count *= shape[axis];
  return count;
}

/// A result of a reduction with the reduced axes back in place, at size 1.
template <class ReduceOp>
Value with_axes(const ReduceOp& op, const Node& node, const Value& y) {
  if (op.keepdims) return y;
  const Shape& shape = node.input(0).shape();
  return reshape(y, reduced_shape(shape, normalize_axes(op.axes, shape.rank(), ReduceOp::name), true));
}

template <class C, class ReduceOp>
Kernel accumulating_kernel(const ReduceOp& op, double scale, const CpuTarget& target, const Signature& s) {
  const Axes axes = normalize_axes(op.axes, s.inputs[0].shape.rank(), ReduceOp::name);
  return dispatch(s.inputs[0].dtype, [&]<class In>() -> Kernel {
    using Arithmetic = tiles::Arithmetic<In>;
    if constexpr (std::is_floating_point_v<Arithmetic>)
      return reduction::make_kernel<C, In, Arithmetic, In>(s, axes, scale, target.threads);
    else if constexpr (std::same_as<ReduceOp, Mean>)
      return reduction::make_kernel<C, In, double, float>(s, axes, scale, target.threads);
    else if constexpr (std::same_as<In, std::int64_t>)  // unsigned, so that sums wrap around
      return reduction::make_kernel<C, In, std::uint64_t, std::int64_t>(s, axes, 1, target.threads);
    else
      return reduction::make_kernel<C, In, std::uint64_t, std::int32_t>(s, axes, 1, target.threads);
  });
}

template <class C, class ReduceOp>
Kernel choosing_kernel(const ReduceOp& op, const CpuTarget& target, const Signature& s) {
  const Axes axes = normalize_axes(op.axes, s.inputs[0].shape.rank(), ReduceOp::name);
  return dispatch(s.inputs[0].dtype, [&]<class In>() -> Kernel {
    if constexpr (std::same_as<In, bool>)
      return reduction::make_kernel<C, In, std::uint8_t, In>(s, axes, 1, target.threads);
    else
      return reduction::make_kernel<C, In, tiles::Arithmetic<In>, In>(s, axes, 1, target.threads);
  });
}

template <class C, class ReduceOp>
Kernel truth_kernel(const ReduceOp& op, const CpuTarget& target, const Signature& s) {
  const Axes axes = normalize_axes(op.axes, s.inputs[0].shape.rank(), ReduceOp::name);
  return dispatch(s.inputs[0].dtype, [&]<class In>() -> Kernel {
    return reduction::make_kernel<C, In, std::uint8_t, bool>(s, axes, 1, target.threads);
  });
}

template <class ReduceOp>
Type infer_choice(const ReduceOp& op, std::span<const Type> in) {
  const Type out = detail::infer_reduce(ReduceOp::name, op.axes, op.keepdims, detail::ReduceResult::same, in);
  if (reduced_count(in[0].shape, op.axes, ReduceOp::name) == 0)
    fail_expected(ReduceOp::name, "at least one element to choose from", to_string(in[0]));
  return out;
}

/// Shared equally by the elements that equal the result.
template <class ReduceOp>
Values choice_vjp(const ReduceOp& op, const Node& node, const Value& g) {
  const Value& x = node.input(0);
  const Value chosen = cast(equal(x, with_axes(op, node, node.output())), x.dtype());
  const Value share = with_axes(op, node, g) / sum(chosen, op.axes, {.keepdims = true});
  return {chosen * share};
}
}  // namespace

namespace detail {
Type infer_reduce(std::string_view name, const Axes& axes, bool keepdims, ReduceResult result, std::span<const Type> in) {
  require_inputs(name, 1, in);
  DType dtype = in[0].dtype;
  if (result == ReduceResult::boolean) dtype = DType::boolean;
  if (result == ReduceResult::mean && !is_floating(dtype)) dtype = DType::f32;
  if (result == ReduceResult::sum && (dtype == DType::u8 || dtype == DType::boolean)) dtype = DType::i32;
  return {dtype, reduced_shape(in[0].shape, normalize_axes(axes, in[0].shape.rank(), name), keepdims)};
}
}  // namespace detail

Type Sum::infer(std::span<const Type> in) const {
  return detail::infer_reduce(name, axes, keepdims, detail::ReduceResult::sum, in);
}
Type Mean::infer(std::span<const Type> in) const {
  return detail::infer_reduce(name, axes, keepdims, detail::ReduceResult::mean, in);
}
Type ReduceMax::infer(std::span<const Type> in) const { return infer_choice(*this, in); }
Type ReduceMin::infer(std::span<const Type> in) const { return infer_choice(*this, in); }
Type Prod::infer(std::span<const Type> in) const {
  return detail::infer_reduce(name, axes, keepdims, detail::ReduceResult::sum, in);
}
Type Any::infer(std::span<const Type> in) const {
  return detail::infer_reduce(name, axes, keepdims, detail::ReduceResult::boolean, in);
}
Type All::infer(std::span<const Type> in) const {
  return detail::infer_reduce(name, axes, keepdims, detail::ReduceResult::boolean, in);
}

Kernel Sum::prepare(const CpuTarget& target, const Signature& s) const {
  return accumulating_kernel<reduction::Plus>(*this, 1, target, s);
}
Kernel Mean::prepare(const CpuTarget& target, const Signature& s) const {
  const auto count = static_cast<double>(reduced_count(s.inputs[0].shape, axes, name));
  return accumulating_kernel<reduction::Plus>(*this, 1 / count, target, s);
}
Kernel ReduceMax::prepare(const CpuTarget& target, const Signature& s) const {
  return choosing_kernel<reduction::Larger>(*this, target, s);
}
Kernel ReduceMin::prepare(const CpuTarget& target, const Signature& s) const {
  return choosing_kernel<reduction::Smaller>(*this, target, s);
}
Kernel Prod::prepare(const CpuTarget& target, const Signature& s) const {
  return accumulating_kernel<reduction::Times>(*this, 1, target, s);
}
Kernel Any::prepare(const CpuTarget& target, const Signature& s) const {
  return truth_kernel<reduction::Or>(*this, target, s);
}
Kernel All::prepare(const CpuTarget& target, const Signature& s) const {
  return truth_kernel<reduction::And>(*this, target, s);
}

Values Sum::vjp(const Node& node, Value g) const {
  const Value& x = node.input(0);
  if (!is_floating(x.dtype())) return no_gradient();
  return {broadcast_to(with_axes(*this, node, g), x.shape())};
}
Values Mean::vjp(const Node& node, Value g) const {
  const Value& x = node.input(0);
  if (!is_floating(x.dtype())) return no_gradient();
  const auto count = static_cast<double>(reduced_count(x.shape(), axes, name));
  return {broadcast_to(with_axes(*this, node, g * (1 / count)), x.shape())};
}
Values ReduceMax::vjp(const Node& node, Value g) const {
  return is_floating(g.dtype()) ? choice_vjp(*this, node, g) : no_gradient();
}
Values ReduceMin::vjp(const Node& node, Value g) const {
  return is_floating(g.dtype()) ? choice_vjp(*this, node, g) : no_gradient();
}
// The product of the others: with no zero, everything over x; with one zero, only that element sees a slope.
Values Prod::vjp(const Node& node, Value g) const {
  const Value& x = node.input(0);
  if (!is_floating(x.dtype())) return no_gradient();
  const Value zero = equal(x, 0.0), others = where(zero, 1.0, x);
  const Value zeros = sum(cast(zero, x.dtype()), axes, {.keepdims = true});
  const Value alone = logical_or(equal(zeros, 0.0), logical_and(equal(zeros, 1.0), zero));
  const Value slope = where(alone, prod(others, axes, {.keepdims = true}) / others, 0.0);
  return {with_axes(*this, node, g) * apply(FirstOrderOnly{"prod"}, slope)};
}

Values FirstOrderOnly::vjp(const Node&, Value) const {
  throw Error(function, "has a gradient, but not a second one");
}

Value sum_to_shape(const Value& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.shape().rank() - shape.rank();
  Axes leading, repeated;
  for (int i = 0; i < extra; ++i) leading.push_back(i);
  for (int i = 0; i < shape.rank(); ++i)
    if (shape[i] == 1 && x.shape()[i + extra] != 1) repeated.push_back(i);
  if (extra < 0 || (leading.empty() && repeated.empty()))
    fail_expected("sum_to_shape", "a shape that broadcasts to " + to_string(x.shape()), to_string(shape));
  const Value y = leading.empty() ? x : sum(x, leading);
  const Value z = repeated.empty() ? y : sum(y, repeated, {.keepdims = true});
  if (z.shape() != shape)
    fail_expected("sum_to_shape", "a shape that broadcasts to " + to_string(x.shape()), to_string(shape));
  return z;
}

}  // namespace strata
