#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "core/base/error.h"
#include "core/device/cuda.h"
#include "core/kernels/math_basic.h"
#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include <vector>

#include "core/device/cuda_emulated.h"
#endif

/// How kernels of our own are written and launched. For .cu files only.
///
/// A kernel is a body: a copyable struct of addresses and numbers whose operator() is STRATA_HD. The same body runs on
/// the processor, one index after the other, where the GPU is emulated; that is how it is tested without one. Nothing
/// in a body may depend on how many threads there are, sums of floats included: results are the same on every GPU.
/// Bodies whose threads share work are launched by core/cuda/rows.h.
namespace strata::cuda {

#if defined(__CUDACC__)
namespace detail {
inline void check_launch(const char* what) {
  const cudaError_t status = cudaGetLastError();
  if (status != cudaSuccess)
    throw Error("gpu", std::string(what) + " was not launched: " + cudaGetErrorString(status) + " (" +
                           cudaGetErrorName(status) + ")");
}
inline cudaStream_t stream_of(Cuda& gpu) { return static_cast<cudaStream_t>(gpu.stream().handle()); }

template <class Body>
__global__ void __launch_bounds__(256) each(std::int64_t n, const Body body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) body(i);
}
}  // namespace detail

/// body(i) for every i in [0, n).
template <class Body>
void for_each(Cuda& gpu, std::int64_t n, const Body& body) {
  if (n == 0) return;
  constexpr std::int64_t threads = 256;
  const std::int64_t most = static_cast<std::int64_t>(gpu.properties().multiprocessors) * 32;
  const auto blocks = static_cast<unsigned>(std::min((n + threads - 1) / threads, most));
  detail::each<<<blocks, threads, 0, detail::stream_of(gpu)>>>(n, body);
  detail::check_launch(typeid(Body).name());
}

#else  // the emulated GPU

template <class Body>
void for_each(Cuda& gpu, std::int64_t n, const Body& body) {
  if (n == 0) return;
  enqueue(gpu.stream().handle(), [n, body] {
    for (std::int64_t i = 0; i < n; ++i) body(i);
  });
}
#endif

}  // namespace strata::cuda
