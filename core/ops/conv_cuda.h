#pragma once

#include "core/cuda/dnn.h"
#include "core/ops/conv_common.h"
#include "core/ops/strided_copy.h"

/// Convolutions over N axes by cuDNN. It wants the filters first, [F, sizes..., C/groups], where Keras has them last:
/// kernels are turned around on the way in and gradients of kernels on the way out, which moves little beside the
/// images. Internal.
namespace strata::conv_cuda {

inline std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

/// [sizes..., C/groups, F] as [F, sizes..., C/groups].
inline Shape filters_first(const Shape& kernel) {
  Shape turned{kernel.back()};
  for (std::int64_t d : kernel.slice(0, kernel.rank() - 1)) turned.push_back(d);
  return turned;
}

inline StridedCopy turn_in(DType dtype, const Shape& kernel) {
  const Shape turned = filters_first(kernel);
  auto from = row_major_strides(kernel);
  from.insert(from.begin(), from.back());
  from.pop_back();
  return StridedCopy(size_of(dtype), turned.dims(), from, row_major_strides(turned));
}

inline StridedCopy turn_out(DType dtype, const Shape& kernel) {
  auto from = row_major_strides(filters_first(kernel));
  from.push_back(from.front());
  from.erase(from.begin());
  return StridedCopy(size_of(dtype), kernel.dims(), from, row_major_strides(kernel));
}

template <std::size_t N>
cuda::ConvProblem problem_of(cuda::ConvPass pass, const Window<N>& w, DType dtype, const Shape& x, const Shape& kernel,
                             const CudaTarget& target) {
  cuda::ConvProblem p;
  p.pass = pass;
  p.dtype = dtype;
  p.x = x;
  p.w = filters_first(kernel);
  p.y = conv_detail::output_shape(w, x, kernel);
  p.strides.assign(w.strides.begin(), w.strides.end());
  p.dilation.assign(w.dilation.begin(), w.dilation.end());
  for (std::size_t axis = 0; axis < N; ++axis)
    p.padding_before.push_back(conv_detail::padding_before(w, x, kernel, axis));
  p.tensor_float_32 = target.tensor_float_32;
  return p;
}

inline cuda::DnnPlan plan_of(const CudaTarget& target, const cuda::ConvProblem& p) {
  return cuda::DnnPlan::make(target, p, {.measure = target.measure_convolutions});
}

inline Kernel zeros() {
  return {.run = {}, .in_place = {}, .launch = [](Cuda& gpu, const Buffers& io) {
            cuda::fill_bytes(io.out_raw()[0], 0, io.out_type(0).bytes(), gpu.stream());
          }};
}

inline void* address(const Buffers& io, std::size_t input) { return const_cast<void*>(io.in_raw()[input]); }

template <std::size_t N>
Kernel forward(const CudaTarget& target, const Window<N>& w, const Epilogue& epilogue, const Signature& s) {
  if (conv_detail::is_empty(s)) return zeros();
  const Shape& kernel_shape = s.inputs[1].shape;
  cuda::ConvProblem p =
      problem_of(cuda::ConvPass::forward, w, s.inputs[0].dtype, s.inputs[0].shape, kernel_shape, target);
  p.bias = epilogue.bias;
  p.relu = epilogue.relu;
  const auto plan = plan_of(target, p);
  const std::size_t turned = aligned(s.inputs[1].bytes());
  Kernel kernel;
  kernel.scratch_bytes = turned + plan.workspace_bytes();
  kernel.launch = [plan, turned, bias = p.bias, turn = turn_in(p.dtype, kernel_shape)](Cuda& gpu, const Buffers& io) {
    turn.launch(gpu, static_cast<const std::byte*>(io.in_raw()[1]), io.scratch());
    std::vector<void*> operands{address(io, 0), io.scratch()};
    if (bias) operands.push_back(address(io, 2));
    operands.push_back(io.out_raw()[0]);
    plan.run(gpu, operands, io.scratch() + turned);
  };
  return kernel;
}

template <std::size_t N>
Kernel data_gradient(const CudaTarget& target, const Window<N>& w, const Shape& x, const Signature& s) {
  if (conv_detail::is_empty(s)) return zeros();
  const Shape& kernel_shape = s.inputs[1].shape;
  const auto p = problem_of(cuda::ConvPass::data_gradient, w, s.inputs[0].dtype, x, kernel_shape, target);
  const auto plan = plan_of(target, p);
  const std::size_t turned = aligned(s.inputs[1].bytes());
  Kernel kernel;
  kernel.scratch_bytes = turned + plan.workspace_bytes();
  kernel.launch = [plan, turned, turn = turn_in(p.dtype, kernel_shape)](Cuda& gpu, const Buffers& io) {
    turn.launch(gpu, static_cast<const std::byte*>(io.in_raw()[1]), io.scratch());
    plan.run(gpu, std::vector<void*>{address(io, 0), io.scratch(), io.out_raw()[0]}, io.scratch() + turned);
  };
  return kernel;
}

template <std::size_t N>
Kernel weight_gradient(const CudaTarget& target, const Window<N>& w, const Shape& kernel_shape, const Signature& s) {
  if (conv_detail::is_empty(s)) return zeros();
  const auto p =
      problem_of(cuda::ConvPass::weight_gradient, w, s.inputs[0].dtype, s.inputs[0].shape, kernel_shape, target);
  const auto plan = plan_of(target, p);
  const std::size_t turned = aligned(s.outputs[0].bytes());
  Kernel kernel;
  kernel.scratch_bytes = turned + plan.workspace_bytes();
  kernel.launch = [plan, turned, turn = turn_out(p.dtype, kernel_shape)](Cuda& gpu, const Buffers& io) {
    plan.run(gpu, std::vector<void*>{address(io, 0), address(io, 1), io.scratch()}, io.scratch() + turned);
    turn.launch(gpu, io.scratch(), static_cast<std::byte*>(io.out_raw()[0]));
  };
  return kernel;
}

}  // namespace strata::conv_cuda
