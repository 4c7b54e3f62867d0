#pragma once

#include "core/ops/elementwise.h"

namespace strata {

/// `value` everywhere, converted to the element type as C++ does. No inputs, no memory of its own: it fuses with the
/// elementwise ops that read it.
struct STRATA_API Fill {
  Type type;
  double value = 0;
  static constexpr std::string_view name = "fill";
  bool operator==(const Fill&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Tile tile(std::span<const DType> in) const;
};

/// `value` everywhere, in the shape and type of the input, whose elements do not matter.
struct STRATA_API FillLike {
  double value = 0;
  static constexpr std::string_view name = "fill_like";
  bool operator==(const FillLike&) const = default;
  Type infer(std::span<const Type> in) const { return detail::infer_unary(name, Domain::any, in); }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Tile tile(std::span<const DType> in) const;
};

/// start, start + step, ... : a vector of `count` numbers. Not for bool.
struct STRATA_API Range {
  double start = 0, step = 1;
  std::int64_t count = 0;
  DType dtype = DType::i64;
  static constexpr std::string_view name = "range";
  bool operator==(const Range&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <ArrayOperand A>
auto full_like(const A& x, double value) {
  if constexpr (std::same_as<A, Symbol>)
    return apply(FillLike{value}, x);
  else if constexpr (std::same_as<A, Tensor>)
    return apply_all(Fill{x.type(), value}, Tensors{})[0];
  else
    return apply_all(Fill{{x.dtype(), x.shape()}, value}, Values{})[0];
}
template <ArrayOperand A>
auto zeros_like(const A& x) { return full_like(x, 0); }
template <ArrayOperand A>
auto ones_like(const A& x) { return full_like(x, 1); }

/// Tensors. Error for negative and open sizes.
STRATA_API Tensor full(const Shape&, double value, DType = DType::f32);
STRATA_API Tensor zeros(const Shape&, DType = DType::f32);
STRATA_API Tensor ones(const Shape&, DType = DType::f32);
/// start, start + step, ... below (for a negative step: above) stop. Error for a step of 0.
STRATA_API Tensor arange(double start, double stop, double step = 1, DType = DType::f32);
/// 0, 1, ... stop - 1 as i64.
STRATA_API Tensor arange(std::int64_t stop);
inline Tensor arange(int stop) { return arange(static_cast<std::int64_t>(stop)); }
/// `count` numbers from start to stop, both included; just start when count is 1.
STRATA_API Tensor linspace(double start, double stop, std::int64_t count, DType = DType::f32);
/// Ones on the diagonal of [rows, columns], zeros elsewhere; columns = rows when not given.
STRATA_API Tensor eye(std::int64_t rows, std::int64_t columns = -1, DType = DType::f32);

}  // namespace strata
