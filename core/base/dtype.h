#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/export.h"
#include "core/base/half.h"

namespace strata {

enum class DType : std::uint8_t { f32, f64, f16, bf16, i32, i64, u8, boolean };

/// Bytes of one element.
STRATA_API std::size_t size_of(DType);
STRATA_API std::string_view to_string(DType);
/// Keras's name: "float32", "int64", "bool".
STRATA_API std::string_view keras_name(DType);
/// Keras's names and ours ("f32"). Error for any other.
STRATA_API DType dtype_from_string(std::string_view name);

constexpr bool is_floating(DType d) {
  return d == DType::f32 || d == DType::f64 || d == DType::f16 || d == DType::bf16;
}
/// The dtype that an operation on both yields: floating beats integer, wider beats narrower, f16 with bf16 gives f32.
STRATA_API DType promote(DType, DType);

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() { return DType::f32; }
template <>
constexpr DType dtype_of<double>() { return DType::f64; }
template <>
constexpr DType dtype_of<Half>() { return DType::f16; }
template <>
constexpr DType dtype_of<BFloat16>() { return DType::bf16; }
template <>
constexpr DType dtype_of<std::int32_t>() { return DType::i32; }
template <>
constexpr DType dtype_of<std::int64_t>() { return DType::i64; }
template <>
constexpr DType dtype_of<std::uint8_t>() { return DType::u8; }
template <>
constexpr DType dtype_of<bool>() { return DType::boolean; }

/// Calls `f.template operator()<T>()` with the element type of `d`, one of the eight.
template <class F>
decltype(auto) dispatch(DType d, F&& f) {
  switch (d) {
    case DType::f64: return f.template operator()<double>();
    case DType::f16: return f.template operator()<Half>();
    case DType::bf16: return f.template operator()<BFloat16>();
    case DType::i32: return f.template operator()<std::int32_t>();
    case DType::i64: return f.template operator()<std::int64_t>();
    case DType::u8: return f.template operator()<std::uint8_t>();
    case DType::boolean: return f.template operator()<bool>();
    case DType::f32: break;
  }
  return f.template operator()<float>();
}

}  // namespace strata
