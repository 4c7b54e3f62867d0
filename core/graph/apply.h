#pragma once

#include <concepts>
#include <type_traits>
#include <vector>

#include "core/graph/symbol.h"

namespace strata {

template <class T>
concept Number = std::is_arithmetic_v<T>;

/// What the functions of this library work on: tensors (computed at once), values (a node is added to a graph; variables
/// are read into it), symbols (an op-layer is added to a model), and numbers next to any of these.
template <class T>
concept Operand = std::same_as<T, Tensor> || std::same_as<T, Value> || std::same_as<T, Variable> ||
                  std::same_as<T, Symbol> || Number<T>;

namespace detail {

/// One argument of a function, whatever its level.
struct STRATA_API AnyOperand {
  AnyOperand(const Tensor& t) : tensor(t) {}
  AnyOperand(const Value& v) : value(v) {}
  AnyOperand(const Variable& v) : value(v) {}
  AnyOperand(const Symbol& s) : symbol(s) {}
  template <Number N>
  AnyOperand(N n) : is_number(true), integral(std::integral<N>), number(static_cast<double>(n)) {}

  Tensor tensor;
  Value value;
  Symbol symbol;
  bool is_number = false, integral = false;
  double number = 0;
};
using AnyOperands = std::vector<AnyOperand>;

template <class... A>
inline constexpr bool any_symbol = (std::same_as<A, Symbol> || ...);
template <class... A>
inline constexpr bool any_value = ((std::same_as<A, Value> || std::same_as<A, Variable>) || ...);
template <class... A>
inline constexpr bool any_tensor = (std::same_as<A, Tensor> || ...);
template <class... A>
inline constexpr bool all_numbers = (Number<A> && ...);

/// Which operands are brought to a common element type first: those from `first` on; `none` leaves all as they are.
/// Numbers take the type of their neighbours (a float next to integers makes f32).
struct Promotion {
  int first = 0;
  static constexpr int none = 1 << 20;
  std::size_t start() const { return first == none ? 0 : static_cast<std::size_t>(first); }
};
STRATA_API Tensors apply_tensors(const Op&, const AnyOperands&, Promotion);
STRATA_API Values apply_values(const Op&, const AnyOperands&, Promotion);
STRATA_API Symbols apply_symbols(const Op&, const AnyOperands&, Promotion);

template <Operand... A>
auto apply_all(const Op& op, Promotion promotion, const A&... a) {
  static_assert(!all_numbers<A...>, "expected at least one tensor, value or symbol");
  static_assert(!(any_tensor<A...> && any_value<A...>),
                "a Tensor next to a Value: write constant(tensor) to make it part of the graph");
  static_assert(!(any_symbol<A...> && (any_tensor<A...> || any_value<A...>)),
                "a Symbol is a place in a model: it combines with symbols and numbers only");
  if constexpr (any_symbol<A...>)
    return apply_symbols(op, {AnyOperand(a)...}, promotion);
  else if constexpr (any_value<A...>)
    return apply_values(op, {AnyOperand(a)...}, promotion);
  else
    return apply_tensors(op, {AnyOperand(a)...}, promotion);
}

[[noreturn]] STRATA_API void fail_several_outputs(const Op&, std::size_t);

template <class List>
auto single(const Op& op, List&& list) {
  if (list.size() != 1) fail_several_outputs(op, list.size());
  return list[0];
}
}  // namespace detail

/// The one output of `op` on these operands: a Tensor for tensors, a Value for values and variables, a Symbol for
/// symbols. Error when the op has several outputs (use apply_all).
template <Operand... A>
auto apply(const Op& op, const A&... a) {
  return detail::single(op, detail::apply_all(op, {detail::Promotion::none}, a...));
}

/// All outputs.
template <Operand... A>
auto apply_all(const Op& op, const A&... a) {
  return detail::apply_all(op, {detail::Promotion::none}, a...);
}
STRATA_API Tensors apply_all(const Op&, const Tensors&);
STRATA_API Values apply_all(const Op&, const Values&);
STRATA_API Symbols apply_all(const Op&, const Symbols&);

namespace detail {
/// As apply, with operands from number `first` on brought to a common element type.
template <Operand... A>
auto apply_promoted(const Op& op, int first, const A&... a) {
  return single(op, apply_all(op, {first}, a...));
}
}  // namespace detail

/// a + b of one type, as an op of the graph itself: what gradients() adds with.
struct STRATA_API Accumulate {
  static constexpr std::string_view name = "accumulate";
  bool operator==(const Accumulate&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const { return {g, g}; }
  Tile tile(std::span<const DType> in) const;
};

/// The other element type, values converted as C++ does (floats to integers toward zero; to bool: not zero).
struct STRATA_API Cast {
  DType to;
  static constexpr std::string_view name = "cast";
  bool operator==(const Cast&) const = default;
  Type infer(std::span<const Type> in) const { return {to, in[0].shape}; }
  Values vjp(const Node&, Value g) const;
  Tile tile(std::span<const DType> in) const;
};

template <Operand A>
A cast(const A& a, DType to) {
  if (a.dtype() == to) return a;
  return apply(Cast{to}, a);
}
inline Value cast(const Variable& a, DType to) { return cast(Value(a), to); }

/// While it lives, functions on tensors run on the calling thread alone (data workers, which are many already).
class STRATA_API SerialScope {
 public:
  SerialScope();
  SerialScope(const SerialScope&) = delete;
  SerialScope& operator=(const SerialScope&) = delete;
  ~SerialScope();

 private:
  bool previous_;
};

}  // namespace strata
