#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "core/base/half.h"

/// Tells the compiler that iterations do not depend on each other: a tile may be computed in place, and the check for
/// overlap that the compiler would make sends exactly that case to the scalar loop.
#if defined(__clang__)
#define STRATA_INDEPENDENT_ITERATIONS _Pragma("clang loop vectorize(assume_safety)")
#else
#define STRATA_INDEPENDENT_ITERATIONS _Pragma("GCC ivdep")
#endif

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
constexpr Arithmetic<T> load(T x) {
  if constexpr (std::same_as<T, Half> || std::same_as<T, BFloat16>)
    return to_float(x);
  else
    return x;
}

template <class T, class C>
constexpr T store(C x) {
  if constexpr (std::same_as<T, Half>)
    return to_half(static_cast<float>(x));
  else if constexpr (std::same_as<T, BFloat16>)
    return to_bfloat16(static_cast<float>(x));
  else if constexpr (std::same_as<T, bool>)
    return x != C{};
  else
    return static_cast<T>(x);
}

/// y[i] = F::f(op, a[i]) over n elements; F is a type with `static auto f(const OpType&, arithmetic value...)`.
template <class F, class OpType, class Out, class A>
void unary(const void* op, const void* const* in, void* out, std::size_t n) {
  const auto& attributes = *static_cast<const OpType*>(op);
  const A* a = static_cast<const A*>(in[0]);
  Out* y = static_cast<Out*>(out);
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < n; ++i) y[i] = store<Out>(F::f(attributes, load(a[i])));
}

template <class F, class OpType, class Out, class A, class B>
void binary(const void* op, const void* const* in, void* out, std::size_t n) {
  const auto& attributes = *static_cast<const OpType*>(op);
  const A* a = static_cast<const A*>(in[0]);
  const B* b = static_cast<const B*>(in[1]);
  Out* y = static_cast<Out*>(out);
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < n; ++i) y[i] = store<Out>(F::f(attributes, load(a[i]), load(b[i])));
}

template <class F, class OpType, class Out, class A, class B, class C>
void ternary(const void* op, const void* const* in, void* out, std::size_t n) {
  const auto& attributes = *static_cast<const OpType*>(op);
  const A* a = static_cast<const A*>(in[0]);
  const B* b = static_cast<const B*>(in[1]);
  const C* c = static_cast<const C*>(in[2]);
  Out* y = static_cast<Out*>(out);
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < n; ++i) y[i] = store<Out>(F::f(attributes, load(a[i]), load(b[i]), load(c[i])));
}

}  // namespace strata::tiles
