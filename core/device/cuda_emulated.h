#pragma once

#include <functional>

#include "core/device/cuda_runtime.h"

/// What only builds with an emulated GPU have (STRATA_CUDA=emulated).
namespace strata::cuda {

/// Runs the closure in the order of the stream: at once, or with each replay when the stream is being recorded.
void enqueue(void* stream_handle, std::function<void()> work);

/// Makes each emulated device refuse allocations beyond so many bytes in all. Starts at 1 GiB.
void set_emulated_memory(std::size_t bytes);
/// Calls since the process started, for tests that count.
struct EmulatedCalls {
  std::size_t allocations = 0, synchronizations = 0, enqueued = 0, graph_launches = 0;
};
EmulatedCalls emulated_calls();

}  // namespace strata::cuda
