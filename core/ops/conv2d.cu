#include "core/ops/conv2d.h"

#include "core/ops/conv_cuda.h"
#include "core/ops/depthwise_cuda.h"

namespace strata {

std::optional<Kernel> Conv2D::prepare(const CudaTarget& target, const Signature& s) const {
  if (depthwise_cuda::takes(window, s.inputs[0].shape, s.inputs[1].shape))
    return depthwise_cuda::forward(window, epilogue, s);
  return conv_cuda::forward(target, window, epilogue, s);
}

std::optional<Kernel> Conv2DDataGradient::prepare(const CudaTarget& target, const Signature& s) const {
  if (depthwise_cuda::takes(window, input, s.inputs[1].shape)) return depthwise_cuda::data_gradient(window, input, s);
  return conv_cuda::data_gradient(target, window, input, s);
}

std::optional<Kernel> Conv2DWeightGradient::prepare(const CudaTarget& target, const Signature& s) const {
  if (depthwise_cuda::takes(window, s.inputs[0].shape, kernel))
    return depthwise_cuda::weight_gradient(window, kernel, s);
  return conv_cuda::weight_gradient(target, window, kernel, s);
}

}  // namespace strata
