#pragma once

#include <string>

#include "core/ops/binary.h"
#include "core/ops/reshape.h"
#include "core/ops/unary.h"

/// Reductions over axes: negative ones count from the end, an empty list means all. With `keepdims` the axes stay with
/// size 1, otherwise they go.
///
/// Sums of f32 (f16 and bf16 likewise, in f32) are taken in blocks: rows in 16 to 64 lanes over at most 512 elements,
/// then pairwise; columns over 128 rows, then over the blocks of a thread's range, then over the threads in order. The
/// error stays near that of pairwise summation, (log2 n + 40) half-ulps of the sum of magnitudes, for rows, and
/// (40 + n / 128) for columns. Results depend on the number of threads in the last bits, and on nothing else. On a GPU
/// the blocks have 128 elements, and how they are shared out follows from the shape alone: results are always the same.
namespace strata {

struct ReduceOptions {
  bool keepdims = false;
};

namespace detail {
enum class ReduceResult { same, sum, mean, boolean };
STRATA_API Type infer_reduce(std::string_view name, const Axes&, bool keepdims, ReduceResult, std::span<const Type> in);
}  // namespace detail

/// f32, f64, f16, bf16, i32 and i64 keep their type; u8 and booleans are counted in i32. Nothing to sum gives 0.
struct STRATA_API Sum {
  Axes axes = {};
  bool keepdims = false;
  static constexpr std::string_view name = "sum";
  bool operator==(const Sum&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// Of integers and booleans in f32. The mean of nothing is NaN.
struct STRATA_API Mean {
  Axes axes = {};
  bool keepdims = false;
  static constexpr std::string_view name = "mean";
  bool operator==(const Mean&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// NaN if any element is. Elements that share the largest value share the gradient. Error when there is nothing to reduce.
struct STRATA_API ReduceMax {
  Axes axes = {};
  bool keepdims = false;
  static constexpr std::string_view name = "max";
  bool operator==(const ReduceMax&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
struct STRATA_API ReduceMin {
  Axes axes = {};
  bool keepdims = false;
  static constexpr std::string_view name = "min";
  bool operator==(const ReduceMin&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// Types as Sum. Its gradient is right where elements are zero; asking for a second derivative is an error.
struct STRATA_API Prod {
  Axes axes = {};
  bool keepdims = false;
  static constexpr std::string_view name = "prod";
  bool operator==(const Prod&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// Whether an element differs from 0.
struct STRATA_API Any {
  Axes axes = {};
  bool keepdims = false;
  static constexpr std::string_view name = "any";
  bool operator==(const Any&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};
/// Whether all elements differ from 0.
struct STRATA_API All {
  Axes axes = {};
  bool keepdims = false;
  static constexpr std::string_view name = "all";
  bool operator==(const All&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// The identity; asking for its gradient is an error that names `function`. It stands behind gradient rules that are
/// right themselves but whose own gradient would not be.
struct STRATA_API FirstOrderOnly {
  std::string function;
  static constexpr std::string_view name = "first_order_only";
  bool operator==(const FirstOrderOnly&) const = default;
  Type infer(std::span<const Type> in) const { return detail::infer_unary(name, Domain::any, in); }
  Values vjp(const Node&, Value) const;
  Kernel prepare(const CpuTarget&, const Signature&) const { return {.run = {}, .in_place = {}, .view = true}; }
};

template <ArrayOperand A>
auto sum(const A& x, const Axes& axes = {}, ReduceOptions o = {}) { return apply(Sum{axes, o.keepdims}, x); }
template <ArrayOperand A>
auto mean(const A& x, const Axes& axes = {}, ReduceOptions o = {}) { return apply(Mean{axes, o.keepdims}, x); }
template <ArrayOperand A>
auto max(const A& x, const Axes& axes = {}, ReduceOptions o = {}) { return apply(ReduceMax{axes, o.keepdims}, x); }
template <ArrayOperand A>
auto min(const A& x, const Axes& axes = {}, ReduceOptions o = {}) { return apply(ReduceMin{axes, o.keepdims}, x); }
template <ArrayOperand A>
auto prod(const A& x, const Axes& axes = {}, ReduceOptions o = {}) { return apply(Prod{axes, o.keepdims}, x); }
template <ArrayOperand A>
auto any(const A& x, const Axes& axes = {}, ReduceOptions o = {}) { return apply(Any{axes, o.keepdims}, x); }
template <ArrayOperand A>
auto all(const A& x, const Axes& axes = {}, ReduceOptions o = {}) { return apply(All{axes, o.keepdims}, x); }

/// mean((x - mean(x))^2), of the whole population.
template <ArrayOperand A>
auto variance(const A& x, const Axes& axes = {}, ReduceOptions o = {}) {
  return mean(square(x - mean(x, axes, {.keepdims = true})), axes, o);
}
/// sqrt(variance): np.std.
template <ArrayOperand A>
auto stddev(const A& x, const Axes& axes = {}, ReduceOptions o = {}) { return sqrt(variance(x, axes, o)); }

namespace detail {
/// What is subtracted before exp: the largest element, 0 where that is infinite.
template <class A>
auto exponent_shift(const A& x, const Axes& axes, bool keepdims) {
  const auto m = stop_gradient(max(x, axes, {.keepdims = keepdims}));
  return where(is_finite(m), m, 0.0);
}
}  // namespace detail

/// log(sum(exp(x))), without overflow.
template <ArrayOperand A>
auto logsumexp(const A& x, const Axes& axes = {}, ReduceOptions o = {}) {
  const auto total = sum(exp(x - detail::exponent_shift(x, axes, true)), axes, o);
  return log(total) + detail::exponent_shift(x, axes, o.keepdims);
}

/// Undoes broadcasting: sums over the axes along which `shape` was repeated to get the shape of `x`.
STRATA_API Value sum_to_shape(const Value& x, const Shape& shape);

}  // namespace strata
