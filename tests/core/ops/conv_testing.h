#pragma once

// What the tests of convolutions share.

#include "tests/core/ops/compiled_gradient.h"
#include "tests/core/ops/ops_testing.h"

namespace strata::testing {

/// Numbers in [-1, 1) as if drawn: sums over them do not cancel.
inline Tensor noise(const Shape& shape, double phase) {
  Tensor t(DType::f32, shape);
  auto state = static_cast<std::uint32_t>(1000 * phase + 1);
  for (float& v : t.mutable_data<float>()) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return t;
}

inline double largest(const Tensor& t) { return max(abs(t)).item<double>(); }

}  // namespace strata::testing
