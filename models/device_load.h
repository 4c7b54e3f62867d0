#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/device/device_info.h"

namespace strata {

/// How busy a device is, for those who watch a run. It looks at most every second: looking takes a millisecond or so.
class DeviceLoad {
 public:
  explicit DeviceLoad(Device device);
  /// Of the GPU in the last moments, as NVML has it, or of all the processor's cores since the look before or since this
  /// was made. Empty where nobody knows.
  std::optional<int> percent();

 private:
  using Clock = std::chrono::steady_clock;
  void look();

  std::string name_;
  DeviceMonitor monitor_;
  Clock::time_point last_;
  std::optional<int> percent_;
};

}  // namespace strata
