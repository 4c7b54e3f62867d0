#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/device/gpu_communicator.h"

/// Exchange between GPUs by NCCL. Only in builds with CUDA kernels (has_cuda_kernels).
namespace strata::cuda {

/// Why NCCL cannot join these GPUs, one for each rank; empty when it can.
std::string why_no_nccl(const std::vector<int>& devices);

/// One replica on gpu:`device`, of those that `host` joins, each on a thread of its own; `title` is what errors call
/// it: "rank 1 of 2 (gpu:1 on thishost)". NCCL begins at the first call; its id goes to the others by `host`. Error
/// when NCCL cannot be had. Where the GPU is emulated, the library found works in the processor's memory: a stand-in of
/// the tests.
std::shared_ptr<GpuCommunicator> make_nccl_communicator(std::shared_ptr<Communicator> host, int device,
                                                        std::string title, std::chrono::milliseconds timeout);

}  // namespace strata::cuda
