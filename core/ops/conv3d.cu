#include "core/ops/conv3d.h"

#include "core/ops/conv_cuda.h"

namespace strata {

std::optional<Kernel> Conv3D::prepare(const CudaTarget& target, const Signature& s) const {
  return conv_cuda::forward(target, window, epilogue, s);
}
std::optional<Kernel> Conv3DDataGradient::prepare(const CudaTarget& target, const Signature& s) const {
  return conv_cuda::data_gradient(target, window, input, s);
}
std::optional<Kernel> Conv3DWeightGradient::prepare(const CudaTarget& target, const Signature& s) const {
  return conv_cuda::weight_gradient(target, window, kernel, s);
}

}  // namespace strata
