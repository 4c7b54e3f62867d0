#include "core/base/dtype.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"

namespace strata {

std::size_t size_of(DType d) {
  return dispatch(d, []<class T>() { return sizeof(T); });
}

std::string_view to_string(DType d) {
  constexpr std::array<std::string_view, 8> names{"f32", "f64", "f16", "bf16", "i32", "i64", "u8", "bool"};
  return names[static_cast<std::size_t>(d)];
}

std::string_view keras_name(DType d) {
  constexpr std::array<std::string_view, 8> names{"float32", "float64", "float16", "bfloat16", "int32", "int64", "uint8", "bool"};
  return names[static_cast<std::size_t>(d)];
}

DType dtype_from_string(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, DType>, 16> known{
      {{"float32", DType::f32}, {"float64", DType::f64}, {"float16", DType::f16}, {"bfloat16", DType::bf16},
       {"int32", DType::i32}, {"int64", DType::i64}, {"uint8", DType::u8}, {"bool", DType::boolean},
       {"f32", DType::f32}, {"f64", DType::f64}, {"f16", DType::f16}, {"bf16", DType::bf16},
       {"i32", DType::i32}, {"i64", DType::i64}, {"u8", DType::u8}, {"boolean", DType::boolean}}};
  const auto it = std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.first == name; });
  if (it == known.end())
    fail_expected("dtype", "float32, float64, float16, bfloat16, int32, int64, uint8 or bool",
                  "'" + std::string(name) + "'");
  return it->second;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  const bool fa = is_floating(a), fb = is_floating(b);
  if (fa != fb) return fa ? a : b;
  if (fa) return a == DType::f64 || b == DType::f64 ? DType::f64 : DType::f32;
  const auto rank = [](DType d) { return d == DType::boolean ? 0 : d == DType::u8 ? 1 : d == DType::i32 ? 2 : 3; };
  return rank(a) > rank(b) ? a : b;
}

}  // namespace strata
