#pragma once

#include <cstdint>

#include "core/kernels/math_basic.h"

/// Which of two elements argmax, argmin and top_k take. For source files only.
namespace strata::order {

struct ComesFirst {  // larger, or the first NaN
  template <class T>
  STRATA_HD static bool better(T a, T b) {
    return a > b || (a != a && b == b);
  }
};
struct ComesLast {
  template <class T>
  STRATA_HD static bool better(T a, T b) {
    return a < b || (a != a && b == b);
  }
};

/// Whether element a at index i comes before b at j: of equal ones the first does.
template <class Order, class T>
STRATA_HD inline bool before(T a, std::int64_t i, T b, std::int64_t j) {
  return Order::better(a, b) || (!Order::better(b, a) && i < j);
}

}  // namespace strata::order
