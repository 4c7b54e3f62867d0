#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/device/cuda_driver.h"
#include "core/device/device_info.h"
#include "core/device/gpu_hardware.h"
#include "core/device/nvml.h"
#include "core/device/shared_library.h"

/// Why a GPU can or cannot be used here: everything that is wanted, in the order in which one thing needs another, and
/// for all that is missing or does not fit what to do about it. Nothing here needs CUDA's headers.
namespace strata {

/// What is asked. Tests put stub libraries and a folder in place of the machine's.
struct GpuMachine {
  SystemView system;
  LibraryRequest driver, management, cublas_lt, cudnn, nvrtc, nccl;
  bool built_with_cuda = false;
  enum class Emulation { none, off, on };
  Emulation emulation = Emulation::none;  ///< of a GPU on the processor, for tests; and whether there is one now
  std::string_view architectures;         ///< those built, "75 80 90"; the last also as PTX

  static GpuMachine here();
};

struct GpuDiagnosis {
  std::vector<GpuFinding> findings;

  /// Nothing that is needed failed or was not reached.
  bool usable() const;
  /// All that is needed and failed, each with what to do, as sentences; empty when usable.
  std::string why_not() const;
};

GpuDiagnosis diagnose_gpu(const GpuMachine&, GpuProbes);

/// Whether kernels built for `architectures` run on a GPU of this compute capability: code for the same major version
/// up to its minor one, or the PTX of the last, which the driver can translate for newer GPUs.
bool runs_on(std::string_view architectures, LibraryVersion compute_capability);

}  // namespace strata
