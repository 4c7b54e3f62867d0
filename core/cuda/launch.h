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
/// A kernel is a body: a copyable struct of addresses and numbers whose operator() is STRATA_HD. The same body runs on the
/// processor, one index after the other, where the GPU is emulated; that is how it is tested without one. Nothing in a
/// body may depend on how many threads there are, sums of floats included: results are the same on every GPU.
namespace strata::cuda {

#if defined(__CUDACC__)
namespace detail {
inline void check_launch(const char* what) {
  const cudaError_t status = cudaGetLastError();
  if (status != cudaSuccess)
    throw Error("gpu", std::string(what) + " was not launched: " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")");
}
inline cudaStream_t stream_of(Cuda& gpu) { return static_cast<cudaStream_t>(gpu.stream().handle()); }

template <class Body>
__global__ void __launch_bounds__(256) each(std::int64_t n, const Body body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) body(i);
}
}  // namespace detail

/// Threads that work on one piece together: a block on the GPU, one thread on the processor.
template <int threads>
class Group {
 public:
  __device__ Group(char* memory) : memory_(memory) {}
  __device__ int rank() const { return static_cast<int>(threadIdx.x); }
  __device__ static constexpr int size() { return threads; }
  __device__ void sync() const { __syncthreads(); }
  /// Combines what each thread brings, in a fixed order; every thread gets the result. `combine` is associative.
  template <class T, class Combine>
  __device__ T reduce(T x, Combine combine) const {
    static_assert(threads % 32 == 0 && sizeof(T) <= 16);
    for (int offset = 16; offset > 0; offset /= 2) x = combine(x, shuffle_down(x, offset));
    T* parts = reinterpret_cast<T*>(memory_);
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    T all = parts[0];
    for (int w = 1; w < threads / 32; ++w) all = combine(all, parts[w]);
    return all;
  }

 private:
  template <class T>
  __device__ static T shuffle_down(T x, int offset) {
    union {
      T value;
      int words[(sizeof(T) + 3) / 4];
    } from{}, to{};
    from.value = x;
    for (unsigned w = 0; w < sizeof(to.words) / sizeof(int); ++w) to.words[w] = __shfl_down_sync(0xffffffffu, from.words[w], offset);
    return to.value;
  }
  char* memory_;
};

namespace detail {
template <int threads, class Body>
__global__ void __launch_bounds__(threads) groups_of(std::int64_t count, const Body body) {
  __shared__ alignas(16) char memory[threads / 32 * 16];
  const Group<threads> group(memory);
  for (std::int64_t g = blockIdx.x; g < count; g += gridDim.x) body(g, group);
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

/// body(g, group) for every g in [0, count), each by a group of threads.
template <int threads, class Body>
void for_groups(Cuda& gpu, std::int64_t count, const Body& body) {
  if (count == 0) return;
  const std::int64_t most = static_cast<std::int64_t>(gpu.properties().multiprocessors) * (2048 / threads) * 4;
  detail::groups_of<threads><<<static_cast<unsigned>(std::min(count, most)), threads, 0, detail::stream_of(gpu)>>>(count, body);
  detail::check_launch(typeid(Body).name());
}

#else  // the emulated GPU

template <int threads>
class Group {
 public:
  int rank() const { return 0; }
  static constexpr int size() { return 1; }
  void sync() const {}
  template <class T, class Combine>
  T reduce(T x, Combine) const {
    return x;
  }
};

template <class Body>
void for_each(Cuda& gpu, std::int64_t n, const Body& body) {
  if (n == 0) return;
  enqueue(gpu.stream().handle(), [n, body] {
    for (std::int64_t i = 0; i < n; ++i) body(i);
  });
}

template <int threads, class Body>
void for_groups(Cuda& gpu, std::int64_t count, const Body& body) {
  if (count == 0) return;
  enqueue(gpu.stream().handle(), [count, body] {
    const Group<threads> group;
    for (std::int64_t g = 0; g < count; ++g) body(g, group);
  });
}
#endif

}  // namespace strata::cuda
