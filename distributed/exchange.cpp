#include "distributed/exchange.h"

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "core/base/error.h"
#include "core/cuda/nccl.h"
#include "core/device/cuda.h"
#include "core/device/cuda_build.h"

namespace strata::distribute {

namespace {
std::chrono::milliseconds timeout_of(const Strategy& strategy) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(strategy.options().timeout_seconds * 1000));
}

std::vector<Device> first(const Strategy& strategy, std::size_t members) {
  return {strategy.devices().begin(), strategy.devices().begin() + static_cast<std::ptrdiff_t>(members)};
}

std::vector<std::string> names_of(const std::vector<Device>& devices) {
  std::vector<std::string> names;
  for (const Device& d : devices) names.push_back(to_string(d));
  return names;
}

/// What a strategy of GPUs that may take either way does, said once where it is the slow one.
bool takes_nccl(const Strategy& strategy) {
  if (strategy.devices()[0].kind != DeviceKind::gpu || strategy.options().communication == Communication::host)
    return false;
  const std::string why_not = why_no_nccl(strategy.devices());
  if (why_not.empty()) return true;
  static std::once_flag said;
  std::call_once(said, [&] {
    std::fprintf(stderr, "strata: replicas on GPUs exchange through the processor's memory: %s\n", why_not.c_str());
  });
  return false;
}
}  // namespace

std::string why_no_nccl([[maybe_unused]] const std::vector<Device>& devices) {
  if (devices[0].kind != DeviceKind::gpu) return "it joins GPUs, and the first device is " + to_string(devices[0]);
  if constexpr (has_cuda_kernels) {
    std::vector<int> numbers;
    for (const Device& d : devices) numbers.push_back(d.index);
    return cuda::why_no_nccl(numbers);
  }
  return config::why_no_gpu();
}

Exchange::Exchange(const Strategy& strategy, std::size_t members)
    : devices_(first(strategy, members)), host_(names_of(devices_), timeout_of(strategy)) {
  if (members < 2 || !takes_nccl(strategy)) return;
  if constexpr (has_cuda_kernels)
    for (std::size_t r = 0; r < members; ++r)
      gpus_.push_back(cuda::make_nccl_communicator(communicator(r), devices_[r].index, host_.title(static_cast<int>(r)),
                                                   timeout_of(strategy)));
}

void Exchange::begin_step(std::size_t rank, std::int64_t number) const {
  communicator(rank)->begin_step(number);
  if (!gpus_.empty()) gpus_[rank]->begin_step(number);
}

std::exception_ptr Exchange::fail(std::size_t rank, std::int64_t step, const std::exception& error) const {
  const std::string title = host_.title(static_cast<int>(rank));
  const bool is_first = host_.abort_because_of(static_cast<int>(rank), error.what());
  for (const auto& gpu : gpus_) gpu->abort(title + " failed: " + error.what());
  if (!is_first) return nullptr;
  const auto* known = dynamic_cast<const Error*>(&error);
  const bool names_the_replica = known != nullptr && known->where() == title;
  if (names_the_replica || dynamic_cast<const MemoryError*>(&error) != nullptr)  // which names its device
    return std::current_exception();
  return std::make_exception_ptr(Error(title, "step " + std::to_string(step) + ": " + error.what()));
}

bool Exchange::failed() const {
  return std::any_of(gpus_.begin(), gpus_.end(), [](const auto& gpu) { return gpu->failed(); });
}

void Exchange::recover() {
  for (const auto& gpu : gpus_) gpu->abort("another replica starts afresh");
  for (std::size_t r = 0; r < gpus_.size(); ++r) gpus_[r]->recover(Cuda::of(devices_[r].index));
  host_.recover();
}

}  // namespace strata::distribute
