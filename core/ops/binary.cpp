#include "core/ops/binary.h"

#include <cmath>
#include <limits>

#include "core/kernels/math_functions.h"
#include "core/ops/elementwise_tiles.h"
#include "core/ops/reduce.h"
#include "core/ops/unary.h"

namespace strata {

namespace {
// Unsigned, so that integers wrap around, and wide enough that promotion does not make them signed again.
template <class T>
using Wrapping = std::common_type_t<std::make_unsigned_t<T>, unsigned>;

struct AddF {
  template <class T>
  static T f(const Add&, T a, T b) {
    if constexpr (std::integral<T>)
      return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
    else
      return a + b;
  }
};
struct SubtractF {
  template <class T>
  static T f(const Subtract&, T a, T b) {
    if constexpr (std::integral<T>)
      return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
    else
      return a - b;
  }
};
struct MultiplyF {
  template <class T>
  static T f(const Multiply&, T a, T b) {
    if constexpr (std::integral<T>)
      return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
    else
      return a * b;
  }
};
struct DivideF {
  template <class T>
  static T f(const Divide&, T a, T b) { return a / b; }
};

template <std::integral T>
T integer_power(T base, T exponent) {
  if (exponent < T{0})
    fail_expected(Power::name, "integers to powers of at least 0", "an exponent of " + std::to_string(exponent));
  Wrapping<T> result = 1, factor = static_cast<Wrapping<T>>(base);
  for (auto e = static_cast<Wrapping<T>>(exponent); e != 0; e >>= 1) {
    if ((e & 1u) != 0) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

struct PowerF {
  template <class T>
  static T f(const Power&, T a, T b) {
    if constexpr (std::integral<T>)
      return integer_power(a, b);
    else
      return math::pow(a, b);
  }
};
struct MaximumF {
  template <class T>
  static T f(const Maximum&, T a, T b) {
    if constexpr (std::integral<T>)
      return a > b ? a : b;
    else
      return math::maximum(a, b);
  }
};
struct MinimumF {
  template <class T>
  static T f(const Minimum&, T a, T b) {
    if constexpr (std::integral<T>)
      return a < b ? a : b;
    else
      return math::minimum(a, b);
  }
};

// By -1 apart: the smallest integer by -1 overflows, which traps.
template <std::integral T>
T floored_quotient(T a, T b) {
  if (b == T{0}) return T{0};
  if constexpr (std::is_signed_v<T>)
    if (b == T{-1}) return static_cast<T>(Wrapping<T>{0} - static_cast<Wrapping<T>>(a));
  const T quotient = static_cast<T>(a / b);
  return a % b != 0 && (a < T{0}) != (b < T{0}) ? static_cast<T>(quotient - 1) : quotient;
}

template <std::integral T>
T floored_remainder(T a, T b) {
  if (b == T{0}) return T{0};
  if constexpr (std::is_signed_v<T>)
    if (b == T{-1}) return T{0};
  const T rest = static_cast<T>(a % b);
  return rest != 0 && (rest < T{0}) != (b < T{0}) ? static_cast<T>(rest + b) : rest;
}

template <std::floating_point T>
T floored_remainder(T a, T b) {
  const T rest = std::fmod(a, b);
  if (rest == T{0}) return std::copysign(T{0}, b);
  return (rest < T{0}) != (b < T{0}) ? rest + b : rest;
}

// From the exact remainder, so that quotient * b + remainder is a even where a / b would round up to an integer.
template <std::floating_point T>
T floored_quotient(T a, T b) {
  if (b == T{0}) return a / b;
  const T rest = std::fmod(a, b);
  T quotient = (a - rest) / b;
  if (rest != T{0} && (rest < T{0}) != (b < T{0})) quotient -= T{1};
  return quotient == T{0} ? std::copysign(T{0}, a / b) : std::nearbyint(quotient);
}

struct FloorDivideF {
  template <class T>
  static T f(const FloorDivide&, T a, T b) { return floored_quotient(a, b); }
};
struct ModF {
  template <class T>
  static T f(const Mod&, T a, T b) { return floored_remainder(a, b); }
};

struct EqualF {
  template <class T>
  static bool f(const Equal&, T a, T b) { return a == b; }
};
struct NotEqualF {
  template <class T>
  static bool f(const NotEqual&, T a, T b) { return a != b; }
};
struct LessF {
  template <class T>
  static bool f(const Less&, T a, T b) { return a < b; }
};
struct LessEqualF {
  template <class T>
  static bool f(const LessEqual&, T a, T b) { return a <= b; }
};
struct GreaterF {
  template <class T>
  static bool f(const Greater&, T a, T b) { return a > b; }
};
struct GreaterEqualF {
  template <class T>
  static bool f(const GreaterEqual&, T a, T b) { return a >= b; }
};
// Without && and ||, whose branches would keep the loop scalar.
struct LogicalAndF {
  template <class T>
  static bool f(const LogicalAnd&, T a, T b) { return (a != T{0}) & (b != T{0}); }
};
struct LogicalOrF {
  template <class T>
  static bool f(const LogicalOr&, T a, T b) { return (a != T{0}) | (b != T{0}); }
};

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

struct ClipF {
  template <class T>
  static T f(const Clip& op, T x) {
    const T low = static_cast<T>(op.low), high = static_cast<T>(op.high);
    const T raised = x < low ? low : x;  // written so that NaN passes
    return raised > high ? high : raised;
  }
};

template <class F, class OpType>
Tile numeric_binary(DType d) {
  switch (d) {
    case DType::i32: return {tiles::binary<F, OpType, std::int32_t, std::int32_t, std::int32_t>, d};
    case DType::i64: return {tiles::binary<F, OpType, std::int64_t, std::int64_t, std::int64_t>, d};
    case DType::u8: return {tiles::binary<F, OpType, std::uint8_t, std::uint8_t, std::uint8_t>, d};
    default: return tiles::floating_binary<F, OpType>(d);
  }
}

Values reduced_to_inputs(const Node& node, const Value& ga, const Value& gb) {
  return {sum_to_shape(ga, node.input(0).shape()), sum_to_shape(gb, node.input(1).shape())};
}
}  // namespace

Tile Add::tile(std::span<const DType> in) const { return tiles::any_binary<AddF, Add>(in[0]); }
Tile Subtract::tile(std::span<const DType> in) const { return numeric_binary<SubtractF, Subtract>(in[0]); }
Tile Multiply::tile(std::span<const DType> in) const { return tiles::any_binary<MultiplyF, Multiply>(in[0]); }
Tile Divide::tile(std::span<const DType> in) const { return tiles::floating_binary<DivideF, Divide>(in[0]); }
Tile Power::tile(std::span<const DType> in) const { return numeric_binary<PowerF, Power>(in[0]); }
Tile Maximum::tile(std::span<const DType> in) const { return tiles::any_binary<MaximumF, Maximum>(in[0]); }
Tile Minimum::tile(std::span<const DType> in) const { return tiles::any_binary<MinimumF, Minimum>(in[0]); }
Tile FloorDivide::tile(std::span<const DType> in) const { return numeric_binary<FloorDivideF, FloorDivide>(in[0]); }
Tile Mod::tile(std::span<const DType> in) const { return numeric_binary<ModF, Mod>(in[0]); }
Tile Equal::tile(std::span<const DType> in) const { return tiles::comparison<EqualF, Equal>(in[0]); }
Tile NotEqual::tile(std::span<const DType> in) const { return tiles::comparison<NotEqualF, NotEqual>(in[0]); }
Tile Less::tile(std::span<const DType> in) const { return tiles::comparison<LessF, Less>(in[0]); }
Tile LessEqual::tile(std::span<const DType> in) const { return tiles::comparison<LessEqualF, LessEqual>(in[0]); }
Tile Greater::tile(std::span<const DType> in) const { return tiles::comparison<GreaterF, Greater>(in[0]); }
Tile GreaterEqual::tile(std::span<const DType> in) const {
  return tiles::comparison<GreaterEqualF, GreaterEqual>(in[0]);
}
Tile LogicalAnd::tile(std::span<const DType> in) const { return tiles::comparison<LogicalAndF, LogicalAnd>(in[0]); }
Tile LogicalOr::tile(std::span<const DType> in) const { return tiles::comparison<LogicalOrF, LogicalOr>(in[0]); }
Tile Where::tile(std::span<const DType> in) const {
  const DType d = in[1];
  return dispatch(d, [d]<class T>() -> Tile { return {where_loop<T>, d}; });
}
Tile Clip::tile(std::span<const DType> in) const { return tiles::numeric_unary<ClipF, Clip>(in[0]); }

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
