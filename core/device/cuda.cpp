#include "core/device/cuda.h"

#include <atomic>
#include <vector>

#include "core/base/error.h"
#include "core/device/device.h"

namespace strata {

namespace {
std::atomic<bool> tensor_float_32{false}, measure_convolutions{false};
}

Cuda& Cuda::of(int device) {
  // Never destroyed: at the end of the process CUDA may be gone before our statics are.
  static auto& all = *new std::vector<std::unique_ptr<Cuda>>(static_cast<std::size_t>(cuda::device_count()));
  static auto& mutex = *new std::mutex;
  const std::lock_guard lock(mutex);
  if (device < 0 || static_cast<std::size_t>(device) >= all.size())
    throw Error("gpu:" + std::to_string(device),
                all.empty() ? config::why_no_gpu() : "expected a device below gpu:" + std::to_string(all.size()));
  auto& place = all[static_cast<std::size_t>(device)];
  if (!place) place.reset(new Cuda(device));
  return *place;
}

Cuda::Use::~Use() {
  try {
    cuda::make_current(previous_);
  } catch (const Error&) {  // a driver that has failed says so at the next call
  }
}

CudaTarget Cuda::target() const { return {device(), &properties(), config::tensor_float_32_enabled(), measure_convolutions}; }

namespace config {
void enable_tensor_float_32(bool enabled) { tensor_float_32 = enabled; }
bool tensor_float_32_enabled() { return tensor_float_32; }
void enable_convolution_measuring(bool enabled) { measure_convolutions = enabled; }
}  // namespace config

}  // namespace strata
