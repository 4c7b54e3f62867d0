#pragma once

#include <cstring>
#include <vector>

#include "core/base/error.h"
#include "core/base/shape.h"

/// How the emulated libraries read and write arrays: everything is computed in double. Only for builds with an emulated
/// GPU.
namespace strata::cuda {

inline std::vector<double> read_array(const void* data, DType dtype, std::size_t count) {
  std::vector<double> values(count);
  const auto each = [&]<class T>(auto&& wide) {
    const auto* from = static_cast<const T*>(data);
    for (std::size_t i = 0; i < count; ++i) values[i] = wide(from[i]);
  };
  switch (dtype) {
    case DType::f32:
      each.template operator()<float>([](float x) { return x; });
      break;
    case DType::f64:
      each.template operator()<double>([](double x) { return x; });
      break;
    case DType::f16:
      each.template operator()<Half>([](Half x) { return to_float(x); });
      break;
    case DType::bf16:
      each.template operator()<BFloat16>([](BFloat16 x) { return to_float(x); });
      break;
    default:
      fail_expected("emulated GPU", "a floating type", to_string(dtype));
  }
  return values;
}

inline void write_array(void* data, DType dtype, const std::vector<double>& values) {
  const auto each = [&]<class T>(auto&& narrow) {
    auto* to = static_cast<T*>(data);
    for (std::size_t i = 0; i < values.size(); ++i) to[i] = narrow(values[i]);
  };
  switch (dtype) {
    case DType::f32:
      each.template operator()<float>([](double x) { return static_cast<float>(x); });
      break;
    case DType::f64:
      each.template operator()<double>([](double x) { return x; });
      break;
    case DType::f16:
      each.template operator()<Half>([](double x) { return to_half(static_cast<float>(x)); });
      break;
    case DType::bf16:
      each.template operator()<BFloat16>([](double x) { return to_bfloat16(static_cast<float>(x)); });
      break;
    default:
      fail_expected("emulated GPU", "a floating type", to_string(dtype));
  }
}

/// What a library may do with the workspace it was given.
inline void spoil(void* workspace, std::size_t bytes) { std::memset(workspace, 0x5c, bytes); }

}  // namespace strata::cuda
