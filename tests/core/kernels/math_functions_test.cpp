#include "core/kernels/math_functions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace strata::math {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// One float in so many is tried; 1 is exhaustive and takes half an hour.
constexpr std::uint64_t stride = 2053;

// |got - wanted| in units of the last place of a float of wanted's size. Infinity stands for 2^128,
// so that overflow a rounding too early or too late counts as the small error it is.
double ulp_error(float got, double wanted) {
  if (std::isnan(wanted) || std::isnan(got)) return std::isnan(wanted) == std::isnan(got) ? 0.0 : HUGE_VAL;
  const double limit = std::ldexp(1.0, 128);
  const double g = std::clamp(static_cast<double>(got), -limit, limit);
  const double w = std::clamp(wanted, -limit, limit);
  if (g == w) return 0.0;
  const int exponent = w == 0.0 ? -126 : std::clamp(std::ilogb(w), -126, 127);
  return std::abs(g - w) / std::ldexp(1.0, exponent - 23);
}

// The largest error over the floats of a regular sample of all bit patterns with |x| <= bound, and
// over the neighbourhoods of the powers of two. Values go through arrays, as in the kernels.
template <typename F, typename Reference>
double largest_error(const char* name, F f, Reference reference, float bound = inf) {
  std::vector<float> x;
  double worst = 0.0;
  float worst_at = 0.0f;
  int wrong_zeros = 0;
  const auto flush = [&] {
    std::vector<float> y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = f(x[i]);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double wanted = reference(static_cast<double>(x[i]));
      const double error = ulp_error(y[i], wanted);
      if (error > worst) worst = error, worst_at = x[i];
      // The sign of a zero is part of the result.
      if (y[i] == 0.0f && wanted == 0.0 && std::signbit(y[i]) != std::signbit(wanted)) {
        if (wrong_zeros++ == 0) ADD_FAILURE() << name << '(' << x[i] << ") has the wrong sign of zero";
      }
    }
    x.clear();
  };
  const auto add = [&](std::uint32_t bits) {
    const float v = detail::from_bits(bits);
    if (std::abs(v) <= bound || std::isnan(v)) x.push_back(v);
    if (x.size() == 4096) flush();
  };
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += stride) {
    add(static_cast<std::uint32_t>(bits));
  }
  for (std::uint32_t exponent = 0; exponent < 512; ++exponent) {
    for (std::uint32_t d = 0; d < 16; ++d) add((exponent << 23) + d - 8u);
  }
  flush();
  std::printf("  %-12s %.3f ulp at %.9g\n", name, worst, static_cast<double>(worst_at));
  return worst;
}

double reference_sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double reference_softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double reference_log_sigmoid(double x) { return std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x))); }

TEST(MathFunctions, FloatErrorsAreAsStated) {
#define STRATA_CHECK(function, reference, bound) \
  EXPECT_LE(largest_error(#function, [](float x) { return function(x); }, reference), bound)
  STRATA_CHECK(exp, [](double x) { return std::exp(x); }, 1.5);
  STRATA_CHECK(expm1, [](double x) { return std::expm1(x); }, 2.0);
  STRATA_CHECK(log, [](double x) { return std::log(x); }, 1.0);
  STRATA_CHECK(log1p, [](double x) { return std::log1p(x); }, 2.0);
  STRATA_CHECK(tanh, [](double x) { return std::tanh(x); }, 3.0);
  STRATA_CHECK(sigmoid, reference_sigmoid, 2.5);
  STRATA_CHECK(softplus, reference_softplus, 2.0);
  STRATA_CHECK(log_sigmoid, reference_log_sigmoid, 2.0);
  STRATA_CHECK(erf, [](double x) { return std::erf(x); }, 1.5);
  STRATA_CHECK(erfc, [](double x) { return std::erfc(x); }, 6.0);
  STRATA_CHECK(sqrt, [](double x) { return std::sqrt(x); }, 0.5);
  STRATA_CHECK(rsqrt, [](double x) { return 1.0 / std::sqrt(x); }, 2.0);
#undef STRATA_CHECK
}

TEST(MathFunctions, SineAndCosineInTheirRange) {
  const auto sine = [](float x) { return sin(x); };
  const auto cosine = [](float x) { return cos(x); };
  EXPECT_LE(largest_error("sin", sine, [](double x) { return std::sin(x); }, 1e6f), 2.0);
  EXPECT_LE(largest_error("cos", cosine, [](double x) { return std::cos(x); }, 1e6f), 2.0);
  for (float x = 1e6f; x <= 0x1p30f; x *= 1.0003f) {
    ASSERT_NEAR(sin(x), std::sin(static_cast<double>(x)), 2e-7) << x;
    ASSERT_NEAR(cos(-x), std::cos(static_cast<double>(x)), 2e-7) << x;
  }
  for (float x : {0x1.000002p30f, 1e20f, inf, -inf, nan}) {
    EXPECT_TRUE(std::isnan(sin(x)) && std::isnan(cos(x))) << x;
  }
  for (int i = -4096; i <= 4096; ++i) {
    const float u = static_cast<float>(i) / 4096.0f;
    const SinCos<float> got = sin_cos_of_turns(u);
    const SinCos<double> wanted = sin_cos_of_turns(static_cast<double>(u));
    ASSERT_NEAR(got.sin, wanted.sin, 1e-7) << u;
    ASSERT_NEAR(got.cos, wanted.cos, 1e-7) << u;
  }
}

TEST(MathFunctions, PowOverManyPairs) {
  double worst = 0.0;
  std::uint32_t a = 1, b = 2;
  for (int i = 0; i < 2000000; ++i) {
    a = a * 1664525u + 1013904223u;
    b = b * 22695477u + 1u;
    const float x = detail::from_bits(a);
    // Half of the exponents are small, some of them integers, so that the results are finite.
    float y = i % 2 == 0 ? detail::from_bits(b) : (static_cast<float>(b >> 8) * 0x1p-20f - 8.0f);
    if (i % 8 == 1) y = std::nearbyint(y);
    worst = std::max(worst, ulp_error(pow(x, y), std::pow(static_cast<double>(x), static_cast<double>(y))));
  }
  for (int i = 0; i < 1000000; ++i) {  // large powers of numbers near one
    a = a * 1664525u + 1013904223u;
    const float x = 0.9f + static_cast<float>(a >> 8) * 0x1p-24f * 0.2f;
    const float y = static_cast<float>(i) * 1e-3f - 500.0f;
    worst = std::max(worst, ulp_error(pow(x, y), std::pow(static_cast<double>(x), static_cast<double>(y))));
  }
  std::printf("  %-12s %.3f ulp\n", "pow", worst);
  EXPECT_LE(worst, 1.0);
}

TEST(MathFunctions, PowHasTheSpecialValuesOfTheStandardLibrary) {
  const std::vector<float> values = {0.0f,  -0.0f, 0.5f,   -0.5f,  1.0f,  -1.0f,   1.5f,   -1.5f, 2.0f,
                                     -2.0f, 3.0f,  -3.0f,  1e-40f, -1e-40f, 1e30f, -1e30f, 16777215.0f,
                                     -16777217.0f, inf, -inf, nan};
  for (float x : values) {
    for (float y : values) {
      const float got = pow(x, y), wanted = std::pow(x, y);
      EXPECT_LE(ulp_error(got, wanted), 1.0) << x << '^' << y << " = " << wanted << ", not " << got;
      if (!std::isnan(wanted)) { EXPECT_EQ(std::signbit(got), std::signbit(wanted)) << x << '^' << y; }
    }
  }
}

template <typename T>
struct Exact : testing::Test {};
using RealTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(Exact, RealTypes);

template <typename T>
std::vector<T> interesting_values() {
  const T integers = sizeof(T) == 4 ? T(8388608) : T(4503599627370496);
  std::vector<T> v = {T(0), T(0.25), T(0.5), T(0.75), T(1), T(1.5), T(2.5), T(3.5), T(1e-30), integers - 1,
                      integers / 2 - T(0.5), integers / 2 + T(0.5), integers - T(0.5), integers, integers + 1,
                      T(1e30), std::nextafter(T(0.5), T(0)), std::numeric_limits<T>::denorm_min(),
                      std::numeric_limits<T>::max(), std::numeric_limits<T>::infinity()};
  for (int i = 0; i < 1000; ++i) v.push_back(T(i) * T(0.37));
  for (std::size_t i = 0, n = v.size(); i < n; ++i) v.push_back(-v[i]);
  return v;
}

TYPED_TEST(Exact, RoundingAsTheStandardLibrary) {
  using T = TypeParam;
  const auto same = [](T got, T wanted) { return got == wanted && std::signbit(got) == std::signbit(wanted); };
  for (T x : interesting_values<T>()) {
    EXPECT_TRUE(same(floor(x), std::floor(x))) << x;
    EXPECT_TRUE(same(ceil(x), std::ceil(x))) << x;
    EXPECT_TRUE(same(round_half_even(x), std::nearbyint(x))) << x;
    EXPECT_TRUE(same(abs(x), std::abs(x))) << x;
    EXPECT_EQ(sign(x), T((x > 0) - (x < 0))) << x;
  }
  const T not_a_number = std::numeric_limits<T>::quiet_NaN();
  for (T y : {floor(not_a_number), ceil(not_a_number), round_half_even(not_a_number), abs(not_a_number),
              sign(not_a_number)}) {
    EXPECT_TRUE(std::isnan(y));
  }
}

TYPED_TEST(Exact, MaximumAndMinimumPassNaN) {
  using T = TypeParam;
  const T not_a_number = std::numeric_limits<T>::quiet_NaN();
  for (T x : interesting_values<T>()) {
    EXPECT_TRUE(std::isnan(maximum(x, not_a_number)) && std::isnan(maximum(not_a_number, x)));
    EXPECT_TRUE(std::isnan(minimum(x, not_a_number)) && std::isnan(minimum(not_a_number, x)));
    EXPECT_EQ(maximum(x, T(1)), std::max(x, T(1)));
    EXPECT_EQ(minimum(T(1), x), std::min(x, T(1)));
  }
}

TEST(MathFunctions, DoubleIsNearFullPrecision) {
  for (double x = -40.0; x <= 40.0; x += 0.0137) {
    const auto near = [&](double got, long double wanted) {
      const double tolerance = 4.0 * std::numeric_limits<double>::epsilon() * std::abs(static_cast<double>(wanted));
      EXPECT_NEAR(got, static_cast<double>(wanted), tolerance) << x;
    };
    const long double v = x;
    near(exp(x), std::exp(v));
    near(expm1(x), std::expm1(v));
    near(tanh(x), std::tanh(v));
    near(sigmoid(x), 1.0L / (1.0L + std::exp(-v)));
    near(softplus(x), std::log1p(std::exp(v)));
    near(log_sigmoid(x), -std::log1p(std::exp(-v)));
    near(erf(x), std::erf(v));
    if (x < 26.0) near(erfc(x), std::erfc(v));  // no denormals
    near(sin(x), std::sin(v));
    near(cos(x), std::cos(v));
    if (x > 0.0) {
      near(log(x), std::log(v));
      near(log1p(x), std::log1p(v));
      near(rsqrt(x), 1.0L / std::sqrt(v));
      near(pow(x, 2.7), std::pow(v, static_cast<long double>(2.7)));
    }
  }
}

}  // namespace
}  // namespace strata::math
