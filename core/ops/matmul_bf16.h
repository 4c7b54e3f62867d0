#pragma once

#include <optional>

#include "core/ops/matmul.h"

namespace strata {

/// A product of two bf16 matrices by the processor's bf16 products, where it has them (core/kernels/gemm_bf16.h) and
/// where they do it: no batch, an even inner size unless A is transposed, which then excludes a transposed B and an
/// epilogue. Sums are in f32, and each element is rounded once.
std::optional<Kernel> bf16_matmul(const MatMul& op, const Signature& s, int threads);

}  // namespace strata
