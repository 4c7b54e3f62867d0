#pragma once

#include <optional>

#include "core/graph/op.h"
#include "core/kernels/conv_geometry.h"

namespace strata {

/// Convolutions of bf16 arrays by the processor's bf16 products, where it has them (core/kernels/gemm_bf16.h) and where
/// they beat converting to f32 and back; none otherwise. Sums are in f32; results are rounded once. Positions are cut
/// among the threads; the weight gradient is summed over each thread's, then in the order of the threads.
std::optional<Kernel> bf16_forward(const kernels::Conv2DGeometry& g, const Signature& s, const Epilogue& epilogue,
                                   int threads);
std::optional<Kernel> bf16_data_gradient(const kernels::Conv2DGeometry& g, const Signature& s, int threads);
std::optional<Kernel> bf16_weight_gradient(const kernels::Conv2DGeometry& g, const Signature& s, int threads);

}  // namespace strata
