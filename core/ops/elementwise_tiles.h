#pragma once

#include <concepts>

#include "core/graph/op.h"
#include "core/graph/tile_loops.h"

/// Picks the loop of an elementwise op for an element type. For source files of ops only.
namespace strata::tiles {

template <class F, class OpType>
Tile floating_unary(DType d) {
  switch (d) {
    case DType::f64: return {unary<F, OpType, double, double>, d};
    case DType::f16: return {unary<F, OpType, Half, Half>, d};
    case DType::bf16: return {unary<F, OpType, BFloat16, BFloat16>, d};
    case DType::f32: return {unary<F, OpType, float, float>, d};
    default: fail_expected(OpType::name, "a floating element type", to_string(d));
  }
}

template <class F, class OpType>
Tile numeric_unary(DType d) {
  switch (d) {
    case DType::i32: return {unary<F, OpType, std::int32_t, std::int32_t>, d};
    case DType::i64: return {unary<F, OpType, std::int64_t, std::int64_t>, d};
    case DType::u8: return {unary<F, OpType, std::uint8_t, std::uint8_t>, d};
    default: return floating_unary<F, OpType>(d);
  }
}

template <class F, class OpType>
Tile predicate(DType d) {
  return dispatch(d, []<class T>() -> Tile { return {unary<F, OpType, bool, T>, DType::boolean}; });
}

template <class F, class OpType>
Tile floating_binary(DType d) {
  switch (d) {
    case DType::f64: return {binary<F, OpType, double, double, double>, d};
    case DType::f16: return {binary<F, OpType, Half, Half, Half>, d};
    case DType::bf16: return {binary<F, OpType, BFloat16, BFloat16, BFloat16>, d};
    case DType::f32: return {binary<F, OpType, float, float, float>, d};
    default: fail_expected(OpType::name, "a floating element type", to_string(d));
  }
}

template <class F, class OpType>
Tile any_binary(DType d) {
  return dispatch(d, [d]<class T>() -> Tile { return {binary<F, OpType, T, T, T>, d}; });
}

template <class F, class OpType>
Tile comparison(DType d) {
  return dispatch(d, []<class T>() -> Tile { return {binary<F, OpType, bool, T, T>, DType::boolean}; });
}

}  // namespace strata::tiles
