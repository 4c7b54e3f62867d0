// The foundation of math_functions.h: bit patterns, and the operations that are exact: sign, rounding to
// integers, order, square root. Free-standing (core/base/host_device.h), float and double alike; loops
// around them are vectorized at every x86-64 level.
#pragma once

#include "core/base/host_device.h"

// STRATA_LIBM(f) is the C library's f without its header.
#if defined(__CUDACC__)
#define STRATA_LIBM(function) ::function
#else
#define STRATA_LIBM(function) __builtin_##function
#endif

namespace strata::math {

template <typename T>
inline constexpr bool is_real = false;
template <>
inline constexpr bool is_real<float> = true;
template <>
inline constexpr bool is_real<double> = true;

template <typename T>
concept Real = is_real<T>;

namespace detail {

using Bits32 = unsigned int;
using Bits64 = unsigned long long;
static_assert(sizeof(Bits32) == sizeof(float) && sizeof(Bits64) == sizeof(double));

STRATA_HD inline Bits32 to_bits(float x) { return __builtin_bit_cast(Bits32, x); }
STRATA_HD inline Bits64 to_bits(double x) { return __builtin_bit_cast(Bits64, x); }
STRATA_HD inline float from_bits(Bits32 b) { return __builtin_bit_cast(float, b); }
STRATA_HD inline double from_bits(Bits64 b) { return __builtin_bit_cast(double, b); }

STRATA_HD inline float infinity() { return from_bits(Bits32{0x7f800000u}); }
STRATA_HD inline float quiet_nan() { return from_bits(Bits32{0x7fc00000u}); }

// 1.5 * 2^23: adding it to |x| < 2^22 rounds x to an integer, which then stands in the low bits.
inline constexpr float round_shift = 12582912.0f;
inline constexpr double round_shift_f64 = 6755399441055744.0;  // 1.5 * 2^52

}  // namespace detail

// ---------------------------------------------------------------- sign, rounding, order (exact)

STRATA_HD inline float abs(float x) { return detail::from_bits(detail::to_bits(x) & 0x7fffffffu); }
STRATA_HD inline double abs(double x) {
  return detail::from_bits(detail::to_bits(x) & 0x7fffffffffffffffull);
}

// |magnitude| with the sign bit of `sign`.
STRATA_HD inline float copy_sign(float magnitude, float sign) {
  return detail::from_bits((detail::to_bits(magnitude) & 0x7fffffffu) |
                           (detail::to_bits(sign) & 0x80000000u));
}
STRATA_HD inline double copy_sign(double magnitude, double sign) {
  return detail::from_bits((detail::to_bits(magnitude) & 0x7fffffffffffffffull) |
                           (detail::to_bits(sign) & 0x8000000000000000ull));
}

// -1, 1, or x itself for zeros and NaN.
template <Real T>
STRATA_HD inline T sign(T x) {
  const T negative = x < T(0) ? T(-1) : x;
  return x > T(0) ? T(1) : negative;
}

// To the nearest integer, ties to even (np.round, std::nearbyint in the default mode).
template <Real T>
STRATA_HD inline T round_half_even(T x) {
  // Above this every value is an integer, and adding it to a smaller one rounds away the fraction.
  constexpr T integers = sizeof(T) == 4 ? T(8388608.0) : T(4503599627370496.0);
  const T a = abs(x);
  const T rounded = copy_sign((a + integers) - integers, x);
  return a < integers ? rounded : x;
}

template <Real T>
STRATA_HD inline T floor(T x) {
  const T r = round_half_even(x);
  const T below = r - T(1);
  return copy_sign(r > x ? below : r, x);
}

template <Real T>
STRATA_HD inline T ceil(T x) {
  const T r = round_half_even(x);
  const T above = r + T(1);
  return copy_sign(r < x ? above : r, x);
}

// As np.maximum and np.minimum: NaN if either is NaN. Of two zeros, b.
template <Real T>
STRATA_HD inline T maximum(T a, T b) {
  const T larger = a > b ? a : b;
  return a != a ? a : larger;
}
template <Real T>
STRATA_HD inline T minimum(T a, T b) {
  const T smaller = a < b ? a : b;
  return a != a ? a : smaller;
}

// ---------------------------------------------------------------- square roots

STRATA_HD inline float sqrt(float x) { return STRATA_LIBM(sqrtf)(x); }  // correctly rounded
STRATA_HD inline double sqrt(double x) { return STRATA_LIBM(sqrt)(x); }

// 1 / sqrt(x).
template <Real T>
STRATA_HD inline T rsqrt(T x) {
  return T(1) / sqrt(x);
}

}  // namespace strata::math
