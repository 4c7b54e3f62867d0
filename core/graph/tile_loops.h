#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/base/export.h"
#include "core/kernels/elements.h"

/// Tells the compiler that iterations do not depend on each other: a tile may be computed in place, and the check for
/// overlap that the compiler would make sends exactly that case to the scalar loop.
#if defined(__clang__)
#define STRATA_INDEPENDENT_ITERATIONS _Pragma("clang loop vectorize(assume_safety)")
#else
#define STRATA_INDEPENDENT_ITERATIONS _Pragma("GCC ivdep")
#endif

namespace strata::tiles {

/// The functor F of an op (core/kernels/elementwise_functions.h). Specialized for ops with attributes.
template <class F, class OpType>
F function_of(const OpType&) {
  static_assert(std::is_empty_v<F>, "this functor has attributes: specialize function_of");
  return F{};
}

/// `strata::fn::ReluGradient{}`, `strata::fn::Clip{0x0p+0, 0x1.8p+2}`: the functor of the op named, exactly.
STRATA_API std::string functor_text(std::string_view op_name, std::span<const double> attributes);

/// The Tile::device_code of an op whose functor is F.
template <class F, class OpType>
std::string device_code(const void* op) {
  if constexpr (std::is_empty_v<F>) {
    return functor_text(OpType::name, {});
  } else {
    static_assert(sizeof(F) % sizeof(double) == 0, "a functor's members are of type double");
    const F functor = function_of<F>(*static_cast<const OpType*>(op));
    return functor_text(OpType::name, {reinterpret_cast<const double*>(&functor), sizeof(F) / sizeof(double)});
  }
}

/// y[i] = f(a[i]) over n elements, with the op's functor f.
template <class F, class OpType, class Out, class A>
void unary(const void* op, const void* const* in, void* out, std::size_t n) {
  const F f = function_of<F>(*static_cast<const OpType*>(op));
  const A* a = static_cast<const A*>(in[0]);
  Out* y = static_cast<Out*>(out);
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < n; ++i) y[i] = store<Out>(f(load(a[i])));
}

template <class F, class OpType, class Out, class A, class B>
void binary(const void* op, const void* const* in, void* out, std::size_t n) {
  const F f = function_of<F>(*static_cast<const OpType*>(op));
  const A* a = static_cast<const A*>(in[0]);
  const B* b = static_cast<const B*>(in[1]);
  Out* y = static_cast<Out*>(out);
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < n; ++i) y[i] = store<Out>(f(load(a[i]), load(b[i])));
}

}  // namespace strata::tiles
