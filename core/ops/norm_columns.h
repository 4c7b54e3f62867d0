#pragma once

#include "core/cuda/columns.h"
#include "core/cuda/element_types.h"
#include "core/kernels/elements.h"
#include "core/ops/norm_rows.h"

/// What the normalizations have in common on a GPU. For .cu files only. Statistics and partial sums are float for f32
/// and the 16-bit types, double for f64.
namespace strata::norm {

using tiles::Arithmetic;

/// x as a sweep that reads it sees it: so many threads that partial results are few beside x.
inline cuda::Columns reading(const Shape& x, int width) {
  return {static_cast<std::int64_t>(Rows(x).rows), x.back(), width, width > 1 ? 262144 / width : 65536};
}
/// The same for a sweep that leaves as much as it reads.
inline cuda::Columns writing(const Shape& x, int width) {
  return {static_cast<std::int64_t>(Rows(x).rows), x.back(), width, 262144};
}

/// What x is normalized by: (x - mean) * inverse.
template <class A>
struct Normal {
  A mean, inverse;
  STRATA_DEVICE A operator()(A x) const { return (x - mean) * inverse; }
};

/// Sums of g and of g times the normalized x: the gradients of beta and gamma.
template <class A>
struct Sums {
  A g = 0, g_normal = 0;
};
struct AddSums {
  template <class A>
  STRATA_DEVICE Sums<A> operator()(const Sums<A>& a, const Sums<A>& b) const {
    return {a.g + b.g, a.g_normal + b.g_normal};
  }
};

}  // namespace strata::norm
