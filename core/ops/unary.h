#pragma once

#include "core/ops/elementwise.h"

/// Functions of one array, element by element. The result has the operand's shape.
/// exp ... softplus and reciprocal take floating types; integers and booleans are converted to f32 first. neg, abs, sign,
/// square, relu and the rounding functions also take i32, i64, u8 and keep the type (of u8: abs and sign are what they
/// are for unsigned numbers, neg wraps around). Accuracy: core/kernels/math_functions.h; f16 and bf16 are computed in
/// f32. Error for other element types.
namespace strata {

namespace detail {
template <class Self>
using RealFunction = UnaryOp<Self, Domain::floating>;
template <class Self>
using NumericFunction = UnaryOp<Self, Domain::numeric>;

/// Any element type in, booleans out, no gradient.
template <class Self>
struct Predicate {
  Type infer(std::span<const Type> in) const {
    return {DType::boolean, infer_unary(Self::name, Domain::any, in).shape};
  }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  bool operator==(const Predicate&) const = default;
};

/// Piecewise constant: no gradient flows.
template <class Self>
struct StepFunction : NumericFunction<Self> {
  Values vjp(const Node&, Value) const { return no_gradient(); }
};
}  // namespace detail

struct STRATA_API Neg : detail::NumericFunction<Neg> {
  static constexpr std::string_view name = "neg";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// Gradient 0 at 0.
struct STRATA_API Abs : detail::NumericFunction<Abs> {
  static constexpr std::string_view name = "abs";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Square : detail::NumericFunction<Square> {
  static constexpr std::string_view name = "square";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// max(x, 0); NaN stays NaN. Its gradient reads the output only.
struct STRATA_API Relu : detail::NumericFunction<Relu> {
  static constexpr std::string_view name = "relu";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// (g, y) -> y > 0 ? g : 0. Inputs broadcast.
struct STRATA_API ReluGradient : detail::BinaryOp<ReluGradient, Domain::floating> {
  static constexpr std::string_view name = "relu_gradient";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// -1, 0 or 1; NaN stays NaN.
struct STRATA_API Sign : detail::StepFunction<Sign> {
  static constexpr std::string_view name = "sign";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Floor : detail::StepFunction<Floor> {
  static constexpr std::string_view name = "floor";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Ceil : detail::StepFunction<Ceil> {
  static constexpr std::string_view name = "ceil";
  Tile tile(std::span<const DType> in) const;
};
/// To the nearest integer, ties to even.
struct STRATA_API Round : detail::StepFunction<Round> {
  static constexpr std::string_view name = "round";
  Tile tile(std::span<const DType> in) const;
};

struct STRATA_API Exp : detail::RealFunction<Exp> {
  static constexpr std::string_view name = "exp";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Expm1 : detail::RealFunction<Expm1> {
  static constexpr std::string_view name = "expm1";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Log : detail::RealFunction<Log> {
  static constexpr std::string_view name = "log";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Log1p : detail::RealFunction<Log1p> {
  static constexpr std::string_view name = "log1p";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Sqrt : detail::RealFunction<Sqrt> {
  static constexpr std::string_view name = "sqrt";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// 1 / sqrt(x).
struct STRATA_API Rsqrt : detail::RealFunction<Rsqrt> {
  static constexpr std::string_view name = "rsqrt";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Reciprocal : detail::RealFunction<Reciprocal> {
  static constexpr std::string_view name = "reciprocal";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Sin : detail::RealFunction<Sin> {
  static constexpr std::string_view name = "sin";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Cos : detail::RealFunction<Cos> {
  static constexpr std::string_view name = "cos";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Tanh : detail::RealFunction<Tanh> {
  static constexpr std::string_view name = "tanh";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// 1 / (1 + exp(-x)).
struct STRATA_API Sigmoid : detail::RealFunction<Sigmoid> {
  static constexpr std::string_view name = "sigmoid";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Erf : detail::RealFunction<Erf> {
  static constexpr std::string_view name = "erf";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// log(1 + exp(x)).
struct STRATA_API Softplus : detail::RealFunction<Softplus> {
  static constexpr std::string_view name = "softplus";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};

/// Of integers and booleans: false.
struct STRATA_API IsNan : detail::Predicate<IsNan> {
  static constexpr std::string_view name = "is_nan";
  Tile tile(std::span<const DType> in) const;
};
/// Of integers and booleans: true.
struct STRATA_API IsFinite : detail::Predicate<IsFinite> {
  static constexpr std::string_view name = "is_finite";
  Tile tile(std::span<const DType> in) const;
};
/// x == 0.
struct STRATA_API LogicalNot : detail::Predicate<LogicalNot> {
  static constexpr std::string_view name = "logical_not";
  Tile tile(std::span<const DType> in) const;
};

template <ArrayOperand A>
auto neg(const A& x) { return apply(Neg{}, x); }
template <ArrayOperand A>
auto operator-(const A& x) { return apply(Neg{}, x); }
template <ArrayOperand A>
auto abs(const A& x) { return apply(Abs{}, x); }
template <ArrayOperand A>
auto square(const A& x) { return apply(Square{}, x); }
template <ArrayOperand A>
auto relu(const A& x) { return apply(Relu{}, x); }
template <ArrayOperand A>
auto sign(const A& x) { return apply(Sign{}, x); }
template <ArrayOperand A>
auto floor(const A& x) { return apply(Floor{}, x); }
template <ArrayOperand A>
auto ceil(const A& x) { return apply(Ceil{}, x); }
template <ArrayOperand A>
auto round(const A& x) { return apply(Round{}, x); }

template <ArrayOperand A>
auto exp(const A& x) { return apply(Exp{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto expm1(const A& x) { return apply(Expm1{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto log(const A& x) { return apply(Log{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto log1p(const A& x) { return apply(Log1p{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto sqrt(const A& x) { return apply(Sqrt{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto rsqrt(const A& x) { return apply(Rsqrt{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto reciprocal(const A& x) { return apply(Reciprocal{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto sin(const A& x) { return apply(Sin{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto cos(const A& x) { return apply(Cos{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto tanh(const A& x) { return apply(Tanh{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto sigmoid(const A& x) { return apply(Sigmoid{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto erf(const A& x) { return apply(Erf{}, detail::as_floating(x)); }
template <ArrayOperand A>
auto softplus(const A& x) { return apply(Softplus{}, detail::as_floating(x)); }

template <ArrayOperand A>
auto is_nan(const A& x) { return apply(IsNan{}, x); }
template <ArrayOperand A>
auto is_finite(const A& x) { return apply(IsFinite{}, x); }
template <ArrayOperand A>
auto logical_not(const A& x) { return apply(LogicalNot{}, x); }

}  // namespace strata
