#pragma once

#include <concepts>

#include "core/graph/op.h"
#include "core/graph/tile_loops.h"

/// Picks the loop of an elementwise op for an element type. For source files of ops only.
namespace strata::tiles {

template <class F, class OpType, class Out, class A>
Tile unary_tile() {
  return {unary<F, OpType, Out, A>, dtype_of<Out>(), device_code<F, OpType>};
}
template <class F, class OpType, class Out, class A>
Tile binary_tile() {
  return {binary<F, OpType, Out, A, A>, dtype_of<Out>(), device_code<F, OpType>};
}

template <class F, class OpType>
Tile floating_unary(DType d) {
  switch (d) {
    case DType::f64: return unary_tile<F, OpType, double, double>();
    case DType::f16: return unary_tile<F, OpType, Half, Half>();
    case DType::bf16: return unary_tile<F, OpType, BFloat16, BFloat16>();
    case DType::f32: return unary_tile<F, OpType, float, float>();
    default: fail_expected(OpType::name, "a floating element type", to_string(d));
  }
}

template <class F, class OpType>
Tile numeric_unary(DType d) {
  switch (d) {
    case DType::i32: return unary_tile<F, OpType, std::int32_t, std::int32_t>();
    case DType::i64: return unary_tile<F, OpType, std::int64_t, std::int64_t>();
    case DType::u8: return unary_tile<F, OpType, std::uint8_t, std::uint8_t>();
    default: return floating_unary<F, OpType>(d);
  }
}

template <class F, class OpType>
Tile predicate(DType d) {
  return dispatch(d, []<class T>() { return unary_tile<F, OpType, bool, T>(); });
}

template <class F, class OpType>
Tile floating_binary(DType d) {
  switch (d) {
    case DType::f64: return binary_tile<F, OpType, double, double>();
    case DType::f16: return binary_tile<F, OpType, Half, Half>();
    case DType::bf16: return binary_tile<F, OpType, BFloat16, BFloat16>();
    case DType::f32: return binary_tile<F, OpType, float, float>();
    default: fail_expected(OpType::name, "a floating element type", to_string(d));
  }
}

template <class F, class OpType>
Tile any_binary(DType d) {
  return dispatch(d, []<class T>() { return binary_tile<F, OpType, T, T>(); });
}

template <class F, class OpType>
Tile comparison(DType d) {
  return dispatch(d, []<class T>() { return binary_tile<F, OpType, bool, T>(); });
}

}  // namespace strata::tiles
