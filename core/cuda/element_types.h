#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/kernels/math_basic.h"

namespace strata::cuda {

/// Calls `f.template operator()<T>()` with the element type of `d`, one of the floating four.
template <class F>
decltype(auto) dispatch_floating(DType d, F&& f) {
  switch (d) {
    case DType::f64:
      return f.template operator()<double>();
    case DType::f16:
      return f.template operator()<Half>();
    case DType::bf16:
      return f.template operator()<BFloat16>();
    default:
      return f.template operator()<float>();
  }
}

/// Labels or indices of type i32, i64 or u8, which a kernel finds out as it reads them: once for each row, that costs
/// less than compiling every kernel three times.
struct Integers {
  const void* data = nullptr;
  DType type = DType::i32;

  STRATA_HD std::int64_t operator[](std::int64_t i) const {
    if (type == DType::i64) return static_cast<const std::int64_t*>(data)[i];
    if (type == DType::u8) return static_cast<const std::uint8_t*>(data)[i];
    return static_cast<const std::int32_t*>(data)[i];
  }
};

}  // namespace strata::cuda
