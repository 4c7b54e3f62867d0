#pragma once

#include <vector>

#include "core/device/gpu_diagnosis.h"

namespace strata {

/// Adds a finding for each of cuBLASLt, NVRTC, cuDNN and NCCL: whether it loads and is of a version that fits. With
/// `devices` > 0 one more for each handle that a step needs, made in a context on each of the driver's devices.
void check_cuda_libraries(const GpuMachine&, const CudaDriver&, int devices, std::vector<GpuFinding>& findings);

/// The versions of driver and libraries that are there, in words: {"cuDNN", "9.19"}.
std::vector<std::pair<std::string, std::string>> cuda_software(const GpuMachine&);

}  // namespace strata
