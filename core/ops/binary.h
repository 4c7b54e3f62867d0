#pragma once

#include "core/ops/elementwise.h"

/// Functions of two or three arrays, element by element. Shapes broadcast by NumPy's rule; element types are brought to a
/// common one (`promote`); numbers take the type of their neighbours. A gradient is summed over the axes along which its
/// operand was repeated. Errors name both shapes, or the element type that the op does not take.
namespace strata {

/// Of booleans: or.
struct STRATA_API Add : detail::BinaryOp<Add, Domain::any> {
  static constexpr std::string_view name = "add";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Subtract : detail::BinaryOp<Subtract, Domain::numeric> {
  static constexpr std::string_view name = "subtract";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// Of booleans: and.
struct STRATA_API Multiply : detail::BinaryOp<Multiply, Domain::any> {
  static constexpr std::string_view name = "multiply";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// True division, of floating types; divide() converts integers and booleans to f32.
struct STRATA_API Divide : detail::BinaryOp<Divide, Domain::floating> {
  static constexpr std::string_view name = "divide";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// x^y with std::pow's special values. Error for an integer to a negative power (a GPU, which
/// cannot raise one, gives 0). Where x <= 0 no gradient reaches y.
struct STRATA_API Power : detail::BinaryOp<Power, Domain::numeric> {
  static constexpr std::string_view name = "power";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// NaN if either is. Of equal operands the first gets the whole gradient.
struct STRATA_API Maximum : detail::BinaryOp<Maximum, Domain::any> {
  static constexpr std::string_view name = "maximum";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Minimum : detail::BinaryOp<Minimum, Domain::any> {
  static constexpr std::string_view name = "minimum";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};
/// The quotient rounded toward minus infinity, as NumPy does. No gradient. An integer by zero gives 0.
struct STRATA_API FloorDivide : detail::BinaryOp<FloorDivide, Domain::numeric> {
  static constexpr std::string_view name = "floor_divide";
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Tile tile(std::span<const DType> in) const;
};
/// The remainder of floor_divide: it has the divisor's sign. An integer by zero gives 0, a float NaN.
struct STRATA_API Mod : detail::BinaryOp<Mod, Domain::numeric> {
  static constexpr std::string_view name = "mod";
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};

struct STRATA_API Equal : detail::ComparisonOp<Equal> {
  static constexpr std::string_view name = "equal";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API NotEqual : detail::ComparisonOp<NotEqual> {
  static constexpr std::string_view name = "not_equal";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Less : detail::ComparisonOp<Less> {
  static constexpr std::string_view name = "less";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API LessEqual : detail::ComparisonOp<LessEqual> {
  static constexpr std::string_view name = "less_equal";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API Greater : detail::ComparisonOp<Greater> {
  static constexpr std::string_view name = "greater";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API GreaterEqual : detail::ComparisonOp<GreaterEqual> {
  static constexpr std::string_view name = "greater_equal";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API LogicalAnd : detail::ComparisonOp<LogicalAnd> {
  static constexpr std::string_view name = "logical_and";
  Tile tile(std::span<const DType> in) const;
};
struct STRATA_API LogicalOr : detail::ComparisonOp<LogicalOr> {
  static constexpr std::string_view name = "logical_or";
  Tile tile(std::span<const DType> in) const;
};

/// (condition, a, b) -> condition ? a : b. The condition is boolean, a and b have one element type; all three broadcast.
struct STRATA_API Where {
  static constexpr std::string_view name = "where";
  bool operator==(const Where&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};

/// min(max(x, low), high); NaN stays NaN. For integers the limits are rounded toward zero. Gradient 0 outside of
/// [low, high]. Error unless low <= high.
struct STRATA_API Clip {
  double low = 0, high = 1;
  static constexpr std::string_view name = "clip";
  bool operator==(const Clip&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};

template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto add(const A& a, const B& b) { return detail::apply_promoted(Add{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto subtract(const A& a, const B& b) { return detail::apply_promoted(Subtract{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto multiply(const A& a, const B& b) { return detail::apply_promoted(Multiply{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto divide(const A& a, const B& b) {
  return detail::apply_promoted(Divide{}, 0, detail::floating_operand(a), detail::floating_operand(b));
}
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto power(const A& a, const B& b) { return detail::apply_promoted(Power{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto maximum(const A& a, const B& b) { return detail::apply_promoted(Maximum{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto minimum(const A& a, const B& b) { return detail::apply_promoted(Minimum{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto floor_divide(const A& a, const B& b) { return detail::apply_promoted(FloorDivide{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto mod(const A& a, const B& b) { return detail::apply_promoted(Mod{}, 0, a, b); }

template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto equal(const A& a, const B& b) { return detail::apply_promoted(Equal{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto not_equal(const A& a, const B& b) { return detail::apply_promoted(NotEqual{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto less(const A& a, const B& b) { return detail::apply_promoted(Less{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto less_equal(const A& a, const B& b) { return detail::apply_promoted(LessEqual{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto greater(const A& a, const B& b) { return detail::apply_promoted(Greater{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto greater_equal(const A& a, const B& b) { return detail::apply_promoted(GreaterEqual{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto logical_and(const A& a, const B& b) { return detail::apply_promoted(LogicalAnd{}, 0, a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto logical_or(const A& a, const B& b) { return detail::apply_promoted(LogicalOr{}, 0, a, b); }

template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto operator+(const A& a, const B& b) { return add(a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto operator-(const A& a, const B& b) { return subtract(a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto operator*(const A& a, const B& b) { return multiply(a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto operator/(const A& a, const B& b) { return divide(a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto operator<(const A& a, const B& b) { return less(a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto operator<=(const A& a, const B& b) { return less_equal(a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto operator>(const A& a, const B& b) { return greater(a, b); }
template <Operand A, Operand B>
  requires ArrayOperands<A, B>
auto operator>=(const A& a, const B& b) { return greater_equal(a, b); }

/// condition ? a : b. A condition that is not boolean counts as true where it is not 0.
template <ArrayOperand C, Operand A, Operand B>
auto where(const C& condition, const A& a, const B& b) {
  return detail::apply_promoted(Where{}, 1, cast(condition, DType::boolean), a, b);
}

/// Limits as numbers.
template <ArrayOperand A>
auto clip(const A& x, double low, double high) { return apply(Clip{low, high}, x); }
/// Limits as arrays, which broadcast.
template <ArrayOperand A, Operand Low, Operand High>
  requires ArrayOperands<Low, High>
auto clip(const A& x, const Low& low, const High& high) { return minimum(maximum(x, low), high); }

}  // namespace strata
