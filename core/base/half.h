#pragma once

#include "core/base/host_device.h"

// Free-standing (core/base/host_device.h).

namespace strata {

/// IEEE 754 binary16 as storage; arithmetic happens in float.
struct Half {
  unsigned short bits = 0;
};

/// The upper half of a binary32 as storage; arithmetic happens in float.
struct BFloat16 {
  unsigned short bits = 0;
};
static_assert(sizeof(Half) == 2 && sizeof(unsigned) == sizeof(float));

STRATA_HD inline float to_float(BFloat16 x) { return __builtin_bit_cast(float, static_cast<unsigned>(x.bits) << 16); }

/// Rounds to nearest even; NaN stays NaN.
STRATA_HD inline BFloat16 to_bfloat16(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  BFloat16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
#else
  const auto u = __builtin_bit_cast(unsigned, x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<unsigned short>((u >> 16) | 0x40u)};
  return {static_cast<unsigned short>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
#endif
}

STRATA_HD inline float to_float(Half x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
#else
  const unsigned sign = static_cast<unsigned>(x.bits & 0x8000u) << 16;
  const unsigned magnitude = x.bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return __builtin_bit_cast(float, sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  // Subnormal numbers are made from their integer: as bits they would be subnormal floats, which kernels flush to zero.
  const auto normal = __builtin_bit_cast(float, (magnitude << 13) + (112u << 23));
  const float value = magnitude < 0x400u ? static_cast<float>(magnitude) * 0x1p-24f : normal;
  return __builtin_bit_cast(float, sign | __builtin_bit_cast(unsigned, value));
#endif
}

/// Rounds to nearest even; overflow gives infinity; NaN stays NaN.
STRATA_HD inline Half to_half(float x) {
#if defined(__CUDA_ARCH__)
  Half y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
#else
  const auto u = __builtin_bit_cast(unsigned, x);
  const auto sign = static_cast<unsigned short>((u >> 16) & 0x8000u);
  const unsigned magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<unsigned short>(sign | 0x7e00u)};
  if (magnitude >= 0x477ff000u) return {static_cast<unsigned short>(sign | 0x7c00u)};
  if (magnitude < 0x38800000u) {  // subnormal: adding 0.5 lets the floating-point unit do the rounding
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    return {static_cast<unsigned short>(sign | (__builtin_bit_cast(unsigned, shifted) - 0x3f000000u))};
  }
  const unsigned rounded = magnitude + 0xc8000fffu + ((magnitude >> 13) & 1u);
  return {static_cast<unsigned short>(sign | (rounded >> 13))};
#endif
}

}  // namespace strata
