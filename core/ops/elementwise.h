#pragma once

#include <string>

#include "core/graph/apply.h"

namespace strata {

/// What a function of one operand takes: a Tensor, Value, Variable or Symbol. Numbers are left to <cmath>.
template <class T>
concept ArrayOperand = Operand<T> && !Number<T>;

/// Operands of a function of several, of which one at least is no number.
template <class... T>
concept ArrayOperands = (Operand<T> && ...) && (ArrayOperand<T> || ...);

/// Element types that an elementwise op takes.
enum class Domain { floating, numeric, any };

namespace detail {
/// The type of the one input. Error when there is another number of inputs or the element type is outside the domain.
STRATA_API Type infer_unary(std::string_view name, Domain, std::span<const Type> in);
/// Common element type, broadcast shape. Error when the element types differ or are outside the domain.
STRATA_API Type infer_binary(std::string_view name, Domain, std::span<const Type> in);
STRATA_API void require_inputs(std::string_view name, std::size_t wanted, std::span<const Type> in);

/// Shape rule of an elementwise op of one input and the same output type; equality of an op without attributes.
template <class Self, Domain domain>
struct UnaryOp {
  Type infer(std::span<const Type> in) const { return infer_unary(Self::name, domain, in); }
  bool operator==(const UnaryOp&) const = default;
};

/// The same for two inputs of one element type that broadcast.
template <class Self, Domain domain>
struct BinaryOp {
  Type infer(std::span<const Type> in) const { return infer_binary(Self::name, domain, in); }
  bool operator==(const BinaryOp&) const = default;
};

/// Two inputs of one element type that broadcast to booleans.
template <class Self>
struct ComparisonOp {
  Type infer(std::span<const Type> in) const {
    return {DType::boolean, infer_binary(Self::name, Domain::any, in).shape};
  }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  bool operator==(const ComparisonOp&) const = default;
};

/// Functions of real numbers take integers and booleans as f32.
template <ArrayOperand A>
auto as_floating(const A& x) {
  return cast(x, is_floating(x.dtype()) ? x.dtype() : DType::f32);
}
template <Operand A>
auto floating_operand(const A& x) {
  if constexpr (Number<A>)
    return x;
  else
    return as_floating(x);
}
}  // namespace detail

}  // namespace strata
