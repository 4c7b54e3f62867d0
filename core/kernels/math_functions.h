// Branch-free elementwise functions for float and double, for host loops and for CUDA kernels.
//
// Free-standing: no standard includes, so the same text can be handed to NVRTC. A plain loop
// `for (i < n) y[i] = math::exp(x[i])` over float is vectorized by GCC 12 and Clang 14 at every
// x86-64 level with -O3 -fno-math-errno -fno-trapping-math (tests/core/kernels/vectorization_test.py).
//
// float: own polynomials (minimax fits in relative error, coefficients rounded one after another).
// Their errors over the whole domain stay below, in ulp:
//   sqrt 0.5   log, pow 1   exp, erf 1.5   expm1, log1p, softplus, log_sigmoid, sin, cos, rsqrt 2
//   sigmoid 2.5   tanh 3   erfc 6
// which tests/core/kernels/math_functions_test.cpp checks against double over a dense sample. NaN,
// infinities, signed zeros, overflow and denormal arguments and results behave as in std::, unless a
// comment says otherwise. Nothing is flushed to zero.
// double: the C library's functions (below 2 ulp), or their composition; these are the reference.
//
// Results may differ in the last bits between builds with and without fused multiply-add.
#pragma once

#include "core/kernels/math_basic.h"

namespace strata::math {

// ---------------------------------------------------------------- exponentials

namespace detail {

// exp(x) = (1 + expm1) * 2^n with |x - n ln 2| <= ln 2 / 2.
struct ExpParts {
  float expm1;
  int n;
};

// x = hi + lo with |lo| small beside 1; |hi| <= 2^9.
STRATA_HD inline ExpParts exp_parts(float hi, float lo) {
  const float shifted = hi * 1.44269502f + round_shift;
  const float n = shifted - round_shift;
  // ln 2 = 0.693359375 (9 bits, so the product is exact) - 2.12194442e-4.
  float r = hi - n * 0.693359375f;
  r = r + n * 2.12194442e-4f;
  r = r + lo;
  float q = 0.00138705526f;
  q = q * r + 0.00836645346f;
  q = q * r + 0.041667439f;
  q = q * r + 0.16666545f;
  q = q * r + 0.49999997f;
  return {r * r * q + r, static_cast<int>(to_bits(shifted) - to_bits(round_shift))};
}

STRATA_HD inline float power_of_two(int n) {  // -127 < n < 128
  return from_bits(static_cast<Bits32>(n + 127) << 23);
}

// x * 2^n for |n| <= 250, with a single rounding when the result is denormal or overflows.
STRATA_HD inline float scale_by_power(float x, int n) {
  const int half = n >> 1;
  return x * power_of_two(half) * power_of_two(n - half);
}

// exp(x) - 1 for -20 <= x <= 89 or NaN; loses a bit of a denormal x.
STRATA_HD inline float expm1_bounded(float x) {
  const ExpParts e = exp_parts(x, 0.0f);
  // Half the scale, so that n = 128 does not overflow before the product is formed.
  const float s = power_of_two(e.n - 1);
  return 2.0f * (s * e.expm1 + (s - 0.5f));
}

}  // namespace detail

STRATA_HD inline double exp(double x) { return STRATA_LIBM(exp)(x); }
STRATA_HD inline float exp(float x) {
  float bounded = x > 89.0f ? 89.0f : x;  // overflows; written so that NaN passes
  bounded = bounded < -104.0f ? -104.0f : bounded;  // below half of the smallest denormal
  const detail::ExpParts e = detail::exp_parts(bounded, 0.0f);
  return detail::scale_by_power(1.0f + e.expm1, e.n);
}

STRATA_HD inline double expm1(double x) { return STRATA_LIBM(expm1)(x); }
STRATA_HD inline float expm1(float x) {
  float bounded = x > 89.0f ? 89.0f : x;
  bounded = bounded < -20.0f ? -20.0f : bounded;
  const float y = detail::expm1_bounded(bounded);
  return abs(x) < 2.98023224e-8f ? x : y;  // 2^-25: keeps denormals and -0
}

STRATA_HD inline double tanh(double x) { return STRATA_LIBM(tanh)(x); }
STRATA_HD inline float tanh(float x) {
  const float a = abs(x);
  const float t = detail::expm1_bounded(2.0f * (a > 10.0f ? 10.0f : a));
  const float y = copy_sign(t / (t + 2.0f), x);
  return a < 1.22070312e-4f ? x : y;  // 2^-13: x^3 / 3 is below the last bit
}

// 1 / (1 + exp(-x)), accurate in both tails.
template <Real T>
STRATA_HD inline T sigmoid(T x) {
  const T z = exp(-abs(x));
  return (x < T(0) ? z : T(1)) / (T(1) + z);
}

// ---------------------------------------------------------------- logarithms

namespace detail {

// log((1 + f) * 2^e) for -1/3 <= f <= 1/3.
STRATA_HD inline float log_from_parts(float f, float e) {
  float p = -0.128820762f;
  p = p * f + 0.139880076f;
  p = p * f + -0.121865831f;
  p = p * f + 0.14005138f;
  p = p * f + -0.166803107f;
  p = p * f + 0.20010452f;
  p = p * f + -0.249998018f;
  p = p * f + 0.333332151f;
  const float z = f * f;
  float y = z * f * p;
  y = y - e * 2.12194442e-4f;
  y = y - 0.5f * z;
  y = f + y;
  return e * 0.693359375f + y;
}

// The exponent e of a positive normal x = m * 2^e with 2/3 <= m < 4/3.
STRATA_HD inline int exponent_near_one(float x) {
  return static_cast<int>(to_bits(x) - 0x3f2aaaabu) >> 23;
}

STRATA_HD inline float remove_exponent(float x, int e) {
  return from_bits(to_bits(x) - (static_cast<Bits32>(e) << 23));
}

}  // namespace detail

STRATA_HD inline double log(double x) { return STRATA_LIBM(log)(x); }
STRATA_HD inline float log(float x) {
  const bool denormal = x < 1.17549435e-38f;
  const float scaled = denormal ? x * 8388608.0f : x;
  const int e = detail::exponent_near_one(scaled);
  const float f = detail::remove_exponent(scaled, e) - 1.0f;
  const float whole = static_cast<float>(e) - (denormal ? 23.0f : 0.0f);
  float y = detail::log_from_parts(f, whole);
  y = x < detail::infinity() ? y : x;
  y = x < 0.0f ? detail::quiet_nan() : y;
  return x == 0.0f ? -detail::infinity() : y;
}

STRATA_HD inline double log1p(double x) { return STRATA_LIBM(log1p)(x); }
STRATA_HD inline float log1p(float x) {
  const float u = 1.0f + x;
  const float x_in_u = u - 1.0f;
  const float lost = (1.0f - (u - x_in_u)) + (x - x_in_u);  // 1 + x = u + lost, exactly
  const int e = detail::exponent_near_one(u);
  // For a large u nothing that was lost matters; the bound keeps 2^-e a normal number.
  const float scale = detail::power_of_two(-(e > 100 ? 100 : e));
  const float f = (detail::remove_exponent(u, e) - 1.0f) + (e > 100 ? 0.0f : lost) * scale;
  float y = detail::log_from_parts(f, static_cast<float>(e));
  y = x < detail::infinity() ? y : x;
  y = x < -1.0f ? detail::quiet_nan() : y;
  y = x == -1.0f ? -detail::infinity() : y;
  return x == 0.0f ? x : y;
}

namespace detail {

// log(1 + z) for 0 <= z <= 1 or NaN; 1 + z = 2 (1 + (z - 1) / 2) in the upper part.
STRATA_HD inline double log1p_of_fraction(double z) { return log1p(z); }
STRATA_HD inline float log1p_of_fraction(float z) {
  const bool upper = z > 0.333333343f;
  return log_from_parts(upper ? 0.5f * (z - 1.0f) : z, upper ? 1.0f : 0.0f);
}

}  // namespace detail

// log(1 + exp(x)).
template <Real T>
STRATA_HD inline T softplus(T x) {
  return maximum(x, T(0)) + detail::log1p_of_fraction(exp(-abs(x)));
}

// log(sigmoid(x)).
template <Real T>
STRATA_HD inline T log_sigmoid(T x) {
  return minimum(x, T(0)) - detail::log1p_of_fraction(exp(-abs(x)));
}

// ---------------------------------------------------------------- error function

STRATA_HD inline double erf(double x) { return STRATA_LIBM(erf)(x); }
STRATA_HD inline float erf(float x) {
  const float z = x * x;
  float p = 8.00277485e-05f;
  p = p * z + -0.000805080403f;
  p = p * z + 0.00519246049f;
  p = p * z + -0.0268557407f;
  p = p * z + 0.112836257f;
  p = p * z + -0.376126289f;
  p = p * z + 0.128379166f;
  const float near = p * x + x;
  // Away from zero: 1 - exp(-g(|x|)) with g = -log(erfc); from 3.95 on the result is 1.
  const float a = abs(x);
  const float t = a > 3.95f ? 3.95f : a;
  float g = -0.000198213194f;
  g = g * t + 0.00306544709f;
  g = g * t + -0.0223151091f;
  g = g * t + 0.104113571f;
  g = g * t + 0.636976123f;
  g = g * t + 1.12779725f;
  g = g * t + 0.000166444705f;
  const detail::ExpParts e = detail::exp_parts(-g, 0.0f);
  const float complement = (1.0f + e.expm1) * detail::power_of_two(e.n);
  const float far = copy_sign(1.0f - complement, x);
  return a < 0.921875f ? near : far;
}

STRATA_HD inline double erfc(double x) { return STRATA_LIBM(erfc)(x); }
STRATA_HD inline float erfc(float x) {
  const float a = abs(x) > 10.1f ? 10.1f : abs(x);  // the result is zero from there on
  // exp(a^2) erfc(a) (1 + 2 a) is smooth in t = (a - 2) / (a + 2).
  const float t = (a - 2.0f) / (a + 2.0f);
  float p = -0.000404749095f;
  p = p * t + -0.00123831606f;
  p = p * t + 0.0013140497f;
  p = p * t + 0.00864046253f;
  p = p * t + -0.00805790257f;
  p = p * t + -0.0542075075f;
  p = p * t + 0.164054587f;
  p = p * t + -0.166030958f;
  p = p * t + -0.0927639157f;
  p = p * t + 1.27697837f;
  // a^2 = head^2 + (a - head)(a + head): the square of a 12-bit head is exact.
  const float head = detail::from_bits(detail::to_bits(a) & 0xfffff000u);
  const float rest = (a - head) * (a + head);
  const detail::ExpParts e = detail::exp_parts(-(head * head), -rest);
  const float tail = detail::scale_by_power((1.0f + e.expm1) * p / (1.0f + 2.0f * a), e.n);
  return x < 0.0f ? 2.0f - tail : tail;
}

// ---------------------------------------------------------------- sine and cosine

namespace detail {

// sin(r + quadrant * pi/2) for |r| <= pi/4.
STRATA_HD inline float sin_in_quadrant(float r, Bits32 quadrant) {
  const float z = r * r;
  float s = -0.000195179076f;
  s = s * z + 0.00833218731f;
  s = s * z + -0.166666552f;
  s = s * (z * r) + r;
  float c = 2.4432331e-05f;
  c = c * z + -0.00138873095f;
  c = c * z + 0.0416666456f;
  c = c * (z * z) + (1.0f - 0.5f * z);
  const float y = (quadrant & 1u) != 0u ? c : s;
  return from_bits(to_bits(y) ^ ((quadrant & 2u) << 30));
}

struct QuarterTurns {
  float rest;  // in [-pi/4, pi/4]
  Bits32 quadrant;
};

// The reduction is in double: pi/2 in 33 + 53 bits, so that the product with up to 2^20 is exact.
STRATA_HD inline QuarterTurns quarter_turns(float x) {
  const double d = static_cast<double>(x);
  const double shifted = d * 0.63661977236758138 + round_shift_f64;
  const double n = shifted - round_shift_f64;
  const double r = (d - n * 1.5707963267341256) - n * 6.0771005065061922e-11;
  return {static_cast<float>(r), static_cast<Bits32>(to_bits(shifted))};
}

inline constexpr float trigonometric_bound = 1073741824.0f;  // 2^30

}  // namespace detail

// sin and cos: |x| <= 1e6 within the stated ulp; up to 2^30 within 2e-7 absolutely; beyond that
// NaN, where neighbouring floats are more than ten turns apart.
STRATA_HD inline double sin(double x) { return STRATA_LIBM(sin)(x); }
STRATA_HD inline float sin(float x) {
  const float a = abs(x);
  const detail::QuarterTurns q = detail::quarter_turns(a);
  const float y = detail::sin_in_quadrant(q.rest, q.quadrant);
  const float odd = detail::from_bits(detail::to_bits(y) ^ (detail::to_bits(x) & 0x80000000u));
  return a <= detail::trigonometric_bound ? odd : detail::quiet_nan();
}

STRATA_HD inline double cos(double x) { return STRATA_LIBM(cos)(x); }
STRATA_HD inline float cos(float x) {
  const float a = abs(x);
  const detail::QuarterTurns q = detail::quarter_turns(a);
  const float y = detail::sin_in_quadrant(q.rest, q.quadrant + 1u);
  return a <= detail::trigonometric_bound ? y : detail::quiet_nan();
}

template <Real T>
struct SinCos {
  T sin;
  T cos;
};

// Sine and cosine of 2 pi u for |u| <= 1; the reduction to a quarter turn is exact.
STRATA_HD inline SinCos<float> sin_cos_of_turns(float u) {
  const float quarters = 4.0f * u;
  const float shifted = quarters + detail::round_shift;
  const float r = (quarters - (shifted - detail::round_shift)) * 1.57079633f;
  const detail::Bits32 q = detail::to_bits(shifted);
  return {detail::sin_in_quadrant(r, q), detail::sin_in_quadrant(r, q + 1u)};
}
STRATA_HD inline SinCos<double> sin_cos_of_turns(double u) {
  const double x = 6.283185307179586477 * u;
  return {sin(x), cos(x)};
}

// ---------------------------------------------------------------- power

namespace detail {

// x^y for x >= 0 apart from the cases that pow() treats: exp2(y log2(x)), in double between.
STRATA_HD inline float pow_of_magnitude(float x, float y) {
  const bool denormal = x < 1.17549435e-38f;
  const float scaled = denormal ? x * 8388608.0f : x;
  const int e = exponent_near_one(scaled);
  const double m = static_cast<double>(remove_exponent(scaled, e));
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double p = 0.34843199695946497;
  p = p * z + 0.41120373699026413;
  p = p * z + 0.57709239581437466;
  p = p * z + 0.96179662144472611;
  p = p * z + 2.8853900818362859;
  const float whole = static_cast<float>(e) - (denormal ? 23.0f : 0.0f);
  double t = static_cast<double>(y) * (s * p + static_cast<double>(whole));
  t = t > 130.0 ? 130.0 : t;
  t = t < -160.0 ? -160.0 : t;
  const double shifted = t + round_shift_f64;
  const double r = t - (shifted - round_shift_f64);
  double q = 0.00015345764215745885;
  q = q * r + 0.0013399984016799894;
  q = q * r + 0.0096184895359891897;
  q = q * r + 0.055503286466283393;
  q = q * r + 0.2402264688148372;
  q = q * r + 0.69314720579702815;
  q = q * r + 1.0000000005559382;
  const int n = static_cast<int>(static_cast<Bits32>(to_bits(shifted)));
  return scale_by_power(static_cast<float>(q), n);
}

}  // namespace detail

// x^y with std::pow's values for signs, zeros, infinities and NaN: a negative x needs an integer
// y (else NaN), pow(x, 0) = pow(1, y) = 1 even for NaN.
STRATA_HD inline double pow(double x, double y) { return STRATA_LIBM(pow)(x, y); }
STRATA_HD inline float pow(float x, float y) {
  const float inf = detail::infinity();
  const float a = abs(x);
  const float half = 0.5f * y;
  const bool integer = round_half_even(y) == y;
  const bool even = round_half_even(half) == half;
  float v = detail::pow_of_magnitude(a, y);
  const float at_zero = y < 0.0f ? inf : 0.0f;
  const float at_infinity = y < 0.0f ? 0.0f : inf;
  v = a == 0.0f ? at_zero : v;
  v = a == inf ? at_infinity : v;
  v = ((a == 1.0f) & (abs(y) == inf)) ? 1.0f : v;
  const float negated = even ? v : -v;
  const float undefined = ((a == 0.0f) | (a == inf)) ? v : detail::quiet_nan();
  const float below = integer ? negated : undefined;
  v = (detail::to_bits(x) >> 31) != 0u ? below : v;
  v = x != x ? x : v;
  v = y != y ? y : v;
  return ((x == 1.0f) | (y == 0.0f)) ? 1.0f : v;
}

}  // namespace strata::math
