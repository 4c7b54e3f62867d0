// What the elementwise ops compute for one element, on the host and on a GPU. An op `name` has the functor `Name` here
// (relu_gradient: ReluGradient); its arguments are numbers of the arithmetic type (core/kernels/elements.h), its
// members, if any, are the op's attributes, all double. Free-standing (core/base/host_device.h), and without branches
// where there is a choice, so that loops are vectorized.
#pragma once

#include "core/kernels/math_functions.h"

namespace strata::fn {

namespace detail {
// Integers wrap around: arithmetic is unsigned, and wide enough that promotion does not make it signed again.
template <class T>
struct WrappingOf {
  using type = unsigned;
};
template <>
struct WrappingOf<long> {
  using type = unsigned long;
};
template <>
struct WrappingOf<long long> {
  using type = unsigned long long;
};
template <class T>
using Wrapping = typename WrappingOf<T>::type;

template <class T>
inline constexpr bool is_signed = static_cast<T>(-1) < T{0};

// x toward zero, and into the range of an integer type; C++ leaves open what is outside.
template <class T>
STRATA_HD inline T within_range(double x) {
  constexpr T lowest = is_signed<T> ? static_cast<T>(Wrapping<T>{1} << (8 * sizeof(T) - 1)) : T{0};
  constexpr T highest = static_cast<T>(~lowest);
  if (!(x > static_cast<double>(lowest))) return lowest;
  return x < static_cast<double>(highest) ? static_cast<T>(x) : highest;
}
}  // namespace detail

// ---------------------------------------------------------------- one argument

struct Neg {
  template <class T>
  STRATA_HD T operator()(T x) const {
    if constexpr (math::Real<T>)
      return -x;
    else
      return static_cast<T>(detail::Wrapping<T>{0} - static_cast<detail::Wrapping<T>>(x));
  }
};
struct Abs {
  template <class T>
  STRATA_HD T operator()(T x) const {
    if constexpr (math::Real<T>)
      return math::abs(x);
    else if constexpr (detail::is_signed<T>)
      return x < 0 ? Neg{}(x) : x;
    else
      return x;
  }
};
struct Square {
  template <class T>
  STRATA_HD T operator()(T x) const {
    if constexpr (math::Real<T>)
      return x * x;
    else
      return static_cast<T>(static_cast<detail::Wrapping<T>>(x) * static_cast<detail::Wrapping<T>>(x));
  }
};
struct Relu {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return x < T{0} ? T{0} : x;  // written so that NaN passes
  }
};
struct Sign {
  template <class T>
  STRATA_HD T operator()(T x) const {
    if constexpr (math::Real<T>)
      return math::sign(x);
    else
      return static_cast<T>((x > 0) - (x < 0));
  }
};
struct Floor {
  template <class T>
  STRATA_HD T operator()(T x) const {
    if constexpr (math::Real<T>) x = math::floor(x);
    return x;
  }
};
struct Ceil {
  template <class T>
  STRATA_HD T operator()(T x) const {
    if constexpr (math::Real<T>) x = math::ceil(x);
    return x;
  }
};
struct Round {
  template <class T>
  STRATA_HD T operator()(T x) const {
    if constexpr (math::Real<T>) x = math::round_half_even(x);
    return x;
  }
};
struct Exp {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::exp(x);
  }
};
struct Expm1 {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::expm1(x);
  }
};
struct Log {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::log(x);
  }
};
struct Log1p {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::log1p(x);
  }
};
struct Sqrt {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::sqrt(x);
  }
};
struct Rsqrt {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::rsqrt(x);
  }
};
struct Reciprocal {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return T{1} / x;
  }
};
struct Sin {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::sin(x);
  }
};
struct Cos {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::cos(x);
  }
};
struct Tanh {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::tanh(x);
  }
};
struct Sigmoid {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::sigmoid(x);
  }
};
struct Erf {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::erf(x);
  }
};
struct Softplus {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return math::softplus(x);
  }
};
struct IsNan {
  template <class T>
  STRATA_HD bool operator()(T x) const {
    return x != x;
  }
};
struct IsFinite {
  template <class T>
  STRATA_HD bool operator()(T x) const {
    return x - x == T{0};
  }
};
struct LogicalNot {
  template <class T>
  STRATA_HD bool operator()(T x) const {
    return x == T{0};
  }
};
struct Clip {
  double low, high;
  template <class T>
  STRATA_HD static T clipped(T x, T from, T to) {
    const T raised = x < from ? from : x;  // written so that NaN passes
    return raised > to ? to : raised;
  }
  template <class T>
  STRATA_HD T operator()(T x) const {
    if constexpr (math::Real<T>)
      return clipped(x, static_cast<T>(low), static_cast<T>(high));
    else
      return clipped(x, detail::within_range<T>(low), detail::within_range<T>(high));
  }
};

// The conversion to the result's type is all that these do.
struct Cast {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return x;
  }
};
struct BroadcastTo {
  template <class T>
  STRATA_HD T operator()(T x) const {
    return x;
  }
};
struct Fill {
  double value;
  STRATA_HD double operator()() const { return value; }
};
struct FillLike {
  double value;
  template <class T>
  STRATA_HD double operator()(T) const {
    return value;
  }
};

// ---------------------------------------------------------------- two arguments

struct Add {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    if constexpr (math::Real<T>)
      return a + b;
    else
      return static_cast<T>(static_cast<detail::Wrapping<T>>(a) + static_cast<detail::Wrapping<T>>(b));
  }
};
struct Accumulate : Add {};
struct Subtract {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    if constexpr (math::Real<T>)
      return a - b;
    else
      return static_cast<T>(static_cast<detail::Wrapping<T>>(a) - static_cast<detail::Wrapping<T>>(b));
  }
};
struct Multiply {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    if constexpr (math::Real<T>)
      return a * b;
    else
      return static_cast<T>(static_cast<detail::Wrapping<T>>(a) * static_cast<detail::Wrapping<T>>(b));
  }
};
struct Divide {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    return a / b;
  }
};

// An integer to a negative power gives 0; the host checks for those beforehand (core/ops/binary.cpp).
struct Power {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    if constexpr (math::Real<T>) {
      return math::pow(a, b);
    } else {
      if (b < T{0}) return T{0};
      detail::Wrapping<T> result = 1, factor = static_cast<detail::Wrapping<T>>(a);
      for (auto e = static_cast<detail::Wrapping<T>>(b); e != 0; e >>= 1) {
        if ((e & 1u) != 0) result *= factor;
        factor *= factor;
      }
      return static_cast<T>(result);
    }
  }
};
struct Maximum {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    if constexpr (math::Real<T>)
      return math::maximum(a, b);
    else
      return a > b ? a : b;
  }
};
struct Minimum {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    if constexpr (math::Real<T>)
      return math::minimum(a, b);
    else
      return a < b ? a : b;
  }
};

namespace detail {
STRATA_HD inline float truncated_remainder(float a, float b) { return STRATA_LIBM(fmodf)(a, b); }
STRATA_HD inline double truncated_remainder(double a, double b) { return STRATA_LIBM(fmod)(a, b); }
}  // namespace detail

// From the exact remainder, so that quotient * b + remainder is a even where a / b would round up to an integer.
// Integers by -1 apart: the smallest one by -1 overflows, which traps.
struct FloorDivide {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    if constexpr (math::Real<T>) {
      if (b == T{0}) return a / b;
      const T rest = detail::truncated_remainder(a, b);
      T quotient = (a - rest) / b;
      if (rest != T{0} && (rest < T{0}) != (b < T{0})) quotient -= T{1};
      return quotient == T{0} ? math::copy_sign(T{0}, a / b) : math::round_half_even(quotient);
    } else {
      if (b == T{0}) return T{0};
      if constexpr (detail::is_signed<T>)
        if (b == T{-1}) return Neg{}(a);
      const T quotient = static_cast<T>(a / b);
      return a % b != 0 && (a < T{0}) != (b < T{0}) ? static_cast<T>(quotient - 1) : quotient;
    }
  }
};
struct Mod {
  template <class T>
  STRATA_HD T operator()(T a, T b) const {
    if constexpr (math::Real<T>) {
      const T rest = detail::truncated_remainder(a, b);
      if (rest == T{0}) return math::copy_sign(T{0}, b);
      return (rest < T{0}) != (b < T{0}) ? rest + b : rest;
    } else {
      if (b == T{0}) return T{0};
      if constexpr (detail::is_signed<T>)
        if (b == T{-1}) return T{0};
      const T rest = static_cast<T>(a % b);
      return rest != 0 && (rest < T{0}) != (b < T{0}) ? static_cast<T>(rest + b) : rest;
    }
  }
};

struct Equal {
  template <class T>
  STRATA_HD bool operator()(T a, T b) const {
    return a == b;
  }
};
struct NotEqual {
  template <class T>
  STRATA_HD bool operator()(T a, T b) const {
    return a != b;
  }
};
struct Less {
  template <class T>
  STRATA_HD bool operator()(T a, T b) const {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  STRATA_HD bool operator()(T a, T b) const {
    return a <= b;
  }
};
struct Greater {
  template <class T>
  STRATA_HD bool operator()(T a, T b) const {
    return a > b;
  }
};
struct GreaterEqual {
  template <class T>
  STRATA_HD bool operator()(T a, T b) const {
    return a >= b;
  }
};
// Without && and ||, whose branches would keep the loop scalar.
struct LogicalAnd {
  template <class T>
  STRATA_HD bool operator()(T a, T b) const {
    return (a != T{0}) & (b != T{0});
  }
};
struct LogicalOr {
  template <class T>
  STRATA_HD bool operator()(T a, T b) const {
    return (a != T{0}) | (b != T{0});
  }
};

struct ReluGradient {
  template <class T>
  STRATA_HD T operator()(T g, T y) const {
    return y > T{0} ? g : T{0};
  }
};
struct SigmoidCrossEntropy {
  template <class T>
  STRATA_HD T operator()(T z, T x) const {
    return math::softplus(x) - x * z;
  }
};

// ---------------------------------------------------------------- three arguments

struct Where {
  template <class C, class T>
  STRATA_HD T operator()(C condition, T a, T b) const {
    return condition != C{0} ? a : b;
  }
};

}  // namespace strata::fn
