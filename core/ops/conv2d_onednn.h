#pragma once

#include <optional>

#include "core/graph/op.h"
#include "core/kernels/conv_geometry.h"

namespace strata {

/// The f32 kernels of convolutions by oneDNN, in the cases where it is faster than ours; none otherwise, and in a build
/// without it. Images are cut among the threads. What is computed for an image does not depend on the others; the weight
/// gradient is summed over each thread's images, then in the order of the threads.
std::optional<Kernel> onednn_forward(const kernels::Conv2DGeometry& g, const Epilogue& epilogue, int threads);
std::optional<Kernel> onednn_data_gradient(const kernels::Conv2DGeometry& g, int threads);
std::optional<Kernel> onednn_weight_gradient(const kernels::Conv2DGeometry& g, int threads);

}  // namespace strata
