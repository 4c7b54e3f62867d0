#include "distributed/exchange.h"

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "core/base/error.h"
#include "core/cuda/nccl.h"
#include "core/device/cuda.h"
#include "core/device/cuda_build.h"
#include "distributed/process_group.h"

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

/// Devices of one process; with several, one.
std::vector<Device> here(const Strategy& strategy, std::size_t members) {
  return strategy.processes() ? strategy.devices() : first(strategy, members);
}

void say_why_not(const std::string& reason) {
  static std::once_flag said;
  std::call_once(said, [&] {
    std::fprintf(stderr, "strata: replicas on GPUs exchange through the processor's memory: %s\n", reason.c_str());
  });
}

/// What a strategy that may take either way does, said once where it is the slow one; the same for all processes.
bool takes_nccl(const Strategy& strategy, Communicator* processes) {
  const bool wanted =
      strategy.devices()[0].kind == DeviceKind::gpu && strategy.options().communication != Communication::host;
  std::string why_not = wanted ? why_no_nccl(strategy.devices()) : "";
  auto without = static_cast<std::int32_t>(!wanted || !why_not.empty());
  if (processes != nullptr) {
    const bool here = without == 0;
    processes->all_reduce(Reduction::max, DType::i32, &without, &without, 1);
    if (here && without != 0) why_not = "another process has no GPU, or no NCCL";
  }
  if (wanted && without != 0) say_why_not(why_not);
  return without == 0;
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

Exchange::Exchange(const Strategy& strategy, std::size_t members) : devices_(here(strategy, members)) {
  std::vector<std::string> titles;
  if (const auto& processes = strategy.processes()) {
    communicators_ = {processes->communicator(static_cast<int>(members))};
    titles = {processes->title(strategy.rank())};
  } else {
    host_ = std::make_unique<InProcessGroup>(names_of(devices_), timeout_of(strategy));
    for (int r = 0; r < host_->size(); ++r) {
      communicators_.push_back(host_->communicator(r));
      titles.push_back(host_->title(r));
    }
  }
  if (members < 2 || !takes_nccl(strategy, host_ ? nullptr : communicators_[0].get())) return;
  if constexpr (has_cuda_kernels)
    for (std::size_t r = 0; r < devices_.size(); ++r)
      gpus_.push_back(
          cuda::make_nccl_communicator(communicators_[r], devices_[r].index, titles[r], timeout_of(strategy)));
}

void Exchange::begin_step(std::size_t replica, std::int64_t number) const {
  communicators_[replica]->begin_step(number);
  if (!gpus_.empty()) gpus_[replica]->begin_step(number);
}

std::exception_ptr Exchange::fail(std::size_t replica, std::int64_t step, const std::exception& error) const {
  const std::string title = host_->title(static_cast<int>(replica));
  const bool is_first = host_->abort_because_of(static_cast<int>(replica), error.what());
  abort_gpus(title + " failed: " + error.what());
  if (!is_first) return nullptr;
  const auto* known = dynamic_cast<const Error*>(&error);
  const bool names_the_replica = known != nullptr && known->where() == title;
  if (names_the_replica || dynamic_cast<const MemoryError*>(&error) != nullptr)  // which names its device
    return std::current_exception();
  return std::make_exception_ptr(Error(title, "step " + std::to_string(step) + ": " + error.what()));
}

void Exchange::abort_gpus(const std::string& reason) const {
  for (const auto& gpu : gpus_) gpu->abort(reason);
}

bool Exchange::failed() const {
  return std::any_of(gpus_.begin(), gpus_.end(), [](const auto& gpu) { return gpu->failed(); });
}

void Exchange::recover() {
  abort_gpus("another replica starts afresh");
  for (std::size_t r = 0; r < gpus_.size(); ++r) gpus_[r]->recover(Cuda::of(devices_[r].index));
  host_->recover();
}

}  // namespace strata::distribute
