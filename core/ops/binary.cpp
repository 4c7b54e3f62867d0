#include "core/ops/binary.h"

#include <algorithm>

#include "core/kernels/elementwise_functions.h"
#include "core/ops/elementwise_tiles.h"
#include "core/ops/reduce.h"
#include "core/ops/unary.h"

namespace strata {

template <>
fn::Clip tiles::function_of<fn::Clip>(const Clip& op) {
  return {op.low, op.high};
}

namespace {
// A kernel on the host can say what is wrong.
template <class T>
void power_of_integers(const void* op, const void* const* in, void* out, std::size_t n) {
  const std::span<const T> exponents(static_cast<const T*>(in[1]), n);
  const auto negative = std::find_if(exponents.begin(), exponents.end(), [](T e) { return e < 0; });
  if (negative != exponents.end())
    fail_expected(Power::name, "integers to powers of at least 0", "an exponent of " + std::to_string(*negative));
  tiles::binary<fn::Power, Power, T, T, T>(op, in, out, n);
}

// Its own loop: the elements are only moved, so the 16-bit types need no conversion.
template <class T>
void where_loop(const void*, const void* const* in, void* out, std::size_t n) {
  const auto* condition = static_cast<const bool*>(in[0]);
  const T *a = static_cast<const T*>(in[1]), *b = static_cast<const T*>(in[2]);
  T* y = static_cast<T*>(out);
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < n; ++i) {
    const T x = a[i], z = b[i];
    y[i] = condition[i] ? x : z;
  }
}

template <class F, class OpType>
Tile numeric_binary(DType d) {
  switch (d) {
    case DType::i32: return tiles::binary_tile<F, OpType, std::int32_t, std::int32_t>();
    case DType::i64: return tiles::binary_tile<F, OpType, std::int64_t, std::int64_t>();
    case DType::u8: return tiles::binary_tile<F, OpType, std::uint8_t, std::uint8_t>();
    default: return tiles::floating_binary<F, OpType>(d);
  }
}

Values reduced_to_inputs(const Node& node, const Value& ga, const Value& gb) {
  return {sum_to_shape(ga, node.input(0).shape()), sum_to_shape(gb, node.input(1).shape())};
}
}  // namespace

Tile Add::tile(std::span<const DType> in) const { return tiles::any_binary<fn::Add, Add>(in[0]); }
Tile Subtract::tile(std::span<const DType> in) const { return numeric_binary<fn::Subtract, Subtract>(in[0]); }
Tile Multiply::tile(std::span<const DType> in) const { return tiles::any_binary<fn::Multiply, Multiply>(in[0]); }
Tile Divide::tile(std::span<const DType> in) const { return tiles::floating_binary<fn::Divide, Divide>(in[0]); }
Tile Power::tile(std::span<const DType> in) const {
  Tile tile = numeric_binary<fn::Power, Power>(in[0]);
  if (in[0] == DType::i32) tile.function = power_of_integers<std::int32_t>;
  if (in[0] == DType::i64) tile.function = power_of_integers<std::int64_t>;
  return tile;
}
Tile Maximum::tile(std::span<const DType> in) const { return tiles::any_binary<fn::Maximum, Maximum>(in[0]); }
Tile Minimum::tile(std::span<const DType> in) const { return tiles::any_binary<fn::Minimum, Minimum>(in[0]); }
Tile FloorDivide::tile(std::span<const DType> in) const { return numeric_binary<fn::FloorDivide, FloorDivide>(in[0]); }
Tile Mod::tile(std::span<const DType> in) const { return numeric_binary<fn::Mod, Mod>(in[0]); }
Tile Equal::tile(std::span<const DType> in) const { return tiles::comparison<fn::Equal, Equal>(in[0]); }
Tile NotEqual::tile(std::span<const DType> in) const { return tiles::comparison<fn::NotEqual, NotEqual>(in[0]); }
Tile Less::tile(std::span<const DType> in) const { return tiles::comparison<fn::Less, Less>(in[0]); }
Tile LessEqual::tile(std::span<const DType> in) const { return tiles::comparison<fn::LessEqual, LessEqual>(in[0]); }
Tile Greater::tile(std::span<const DType> in) const { return tiles::comparison<fn::Greater, Greater>(in[0]); }
Tile GreaterEqual::tile(std::span<const DType> in) const {
  return tiles::comparison<fn::GreaterEqual, GreaterEqual>(in[0]);
}
Tile LogicalAnd::tile(std::span<const DType> in) const { return tiles::comparison<fn::LogicalAnd, LogicalAnd>(in[0]); }
Tile LogicalOr::tile(std::span<const DType> in) const { return tiles::comparison<fn::LogicalOr, LogicalOr>(in[0]); }
Tile Where::tile(std::span<const DType> in) const {
  const DType d = in[1];
  return dispatch(d, [d]<class T>() -> Tile { return {where_loop<T>, d, tiles::device_code<fn::Where, Where>}; });
}
Tile Clip::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Clip, Clip>(in[0]); }

Type Where::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 3, in);
  if (in[0].dtype != DType::boolean) fail_expected(name, "a boolean condition", to_string(in[0]));
  const Type choice = detail::infer_binary(name, Domain::any, in.subspan(1));
  return {choice.dtype, broadcast(in[0].shape, choice.shape, name)};
}

Type Clip::infer(std::span<const Type> in) const {
  if (!(low <= high))
    fail_expected(name, "low <= high", "low " + std::to_string(low) + " and high " + std::to_string(high));
  return detail::infer_unary(name, Domain::numeric, in);
}

Values Add::vjp(const Node& node, Value g) const { return reduced_to_inputs(node, g, g); }
Values Subtract::vjp(const Node& node, Value g) const { return reduced_to_inputs(node, g, -g); }
Values Multiply::vjp(const Node& node, Value g) const {
  return reduced_to_inputs(node, g * node.input(1), g * node.input(0));
}
Values Divide::vjp(const Node& node, Value g) const {
  const Value ga = g / node.input(1);
  return reduced_to_inputs(node, ga, -(ga * node.output()));
}
Values Power::vjp(const Node& node, Value g) const {
  const Value a = node.input(0), b = node.input(1), zero = constant(0.0, a.dtype());
  const Value positive = a > zero;
  const Value log_a = where(positive, log(where(positive, a, constant(1.0, a.dtype()))), zero);
  const Value slope = where(equal(b, zero), zero, b * power(a, b - 1.0));  // without 0 * infinity at a = b = 0
  return reduced_to_inputs(node, g * slope, g * node.output() * log_a);
}
Values Maximum::vjp(const Node& node, Value g) const {
  const Value first = node.input(0) >= node.input(1);
  return reduced_to_inputs(node, where(first, g, 0.0), where(first, 0.0, g));
}
Values Minimum::vjp(const Node& node, Value g) const {
  const Value first = node.input(0) <= node.input(1);
  return reduced_to_inputs(node, where(first, g, 0.0), where(first, 0.0, g));
}
Values Mod::vjp(const Node& node, Value g) const {
  return reduced_to_inputs(node, g, -(g * floor_divide(node.input(0), node.input(1))));
}
Values Where::vjp(const Node& node, Value g) const {
  const Value& condition = node.input(0);
  return {{}, sum_to_shape(where(condition, g, 0.0), node.input(1).shape()),
          sum_to_shape(where(condition, 0.0, g), node.input(2).shape())};
}
Values Clip::vjp(const Node& node, Value g) const {
  const Value& x = node.input(0);
  return {where(logical_and(x >= low, x <= high), g, 0.0)};
}

}  // namespace strata
