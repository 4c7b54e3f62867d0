#pragma once

#include <cstddef>
#include <vector>

#include "core/ops/matmul.h"

namespace strata {

/// What a MatMul is for one signature: `batch` products of one size, and where operands of each begin (in matrices).
struct MatMulShapes {
  std::size_t m = 1, n = 1, k = 1, batch = 1;
  std::vector<std::size_t> a_at, b_at;
};
MatMulShapes matmul_shapes(const MatMul& op, const Signature& s);

}  // namespace strata
