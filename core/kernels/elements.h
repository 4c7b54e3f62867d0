// How an element of an array becomes a number to compute with, and back. Free-standing (core/base/host_device.h).
#pragma once

#include "core/base/half.h"

namespace strata::tiles {

/// The type that arithmetic on T happens in: float for the 16-bit types, int for bool.
template <class T>
struct ArithmeticOf {
  using type = T;
};
template <>
struct ArithmeticOf<Half> {
  using type = float;
};
template <>
struct ArithmeticOf<BFloat16> {
  using type = float;
};
template <>
struct ArithmeticOf<bool> {
  using type = int;
};
template <class T>
using Arithmetic = typename ArithmeticOf<T>::type;

template <class T>
STRATA_HD inline Arithmetic<T> load(T x) {
  return x;
}
STRATA_HD inline float load(Half x) { return to_float(x); }
STRATA_HD inline float load(BFloat16 x) { return to_float(x); }

namespace detail {
template <class T>
struct Store {
  template <class C>
  STRATA_HD static T from(C x) {
    return static_cast<T>(x);
  }
};
template <>
struct Store<Half> {
  template <class C>
  STRATA_HD static Half from(C x) {
    return to_half(static_cast<float>(x));
  }
};
template <>
struct Store<BFloat16> {
  template <class C>
  STRATA_HD static BFloat16 from(C x) {
    return to_bfloat16(static_cast<float>(x));
  }
};
template <>
struct Store<bool> {
  template <class C>
  STRATA_HD static bool from(C x) {
    return x != C{};
  }
};
}  // namespace detail

/// x converted as C++ does; the 16-bit types are rounded to from float.
template <class T, class C>
STRATA_HD inline T store(C x) {
  return detail::Store<T>::from(x);
}

}  // namespace strata::tiles
