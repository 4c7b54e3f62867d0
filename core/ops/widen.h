#pragma once

#include "core/graph/op.h"

namespace strata {

/// A kernel for f16 or bf16 arrays out of one for f32: inputs are converted, the f32 kernel runs, results are rounded
/// once. Inputs that are not 16-bit floats pass as they are. `signature` is the 16-bit one.
Kernel widened(const Signature& signature, const std::function<Kernel(const Signature&)>& prepare_f32);

/// The same for an op that is made of products. Where there are bf16 arrays and no bf16 products
/// (core/kernels/gemm_bf16.h), one line on stderr says so, once per process.
Kernel widened_product(const Signature& signature, const std::function<Kernel(const Signature&)>& prepare_f32);

/// Whether the signature holds an f16 or bf16 array.
bool has_16_bit_floats(const Signature& signature);

}  // namespace strata
