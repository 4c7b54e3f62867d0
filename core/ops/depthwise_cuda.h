#pragma once

#include "core/ops/conv2d.h"

/// Depthwise convolutions on a GPU, by kernels of our own: cuDNN fuses nothing around them and was slower on older
/// GPUs. As conv2d with as many groups as channels; 16-bit floats are summed in f32. Internal.
namespace strata::depthwise_cuda {

/// Whether the kernels here take it: groups of one channel, and at most 49 positions in the kernel.
bool takes(const Window2D& w, const Shape& x, const Shape& kernel);
Kernel forward(const Window2D& w, const Epilogue& epilogue, const Signature& s);
Kernel data_gradient(const Window2D& w, const Shape& x, const Signature& s);
Kernel weight_gradient(const Window2D& w, const Shape& kernel, const Signature& s);

}  // namespace strata::depthwise_cuda
