#include "models/device_load.h"

namespace strata {

DeviceLoad::DeviceLoad(Device device) : name_(to_string(device.kind == DeviceKind::cpu ? Device{} : device)) {
  look();
  percent_.reset();  // it was of the time before
}

std::optional<int> DeviceLoad::percent() {
  if (!percent_ || Clock::now() - last_ >= std::chrono::seconds(1)) look();
  return percent_;
}

void DeviceLoad::look() {
  last_ = Clock::now();
  percent_.reset();
  for (const DeviceState& state : monitor_.states())
    if (state.name == name_) percent_ = state.load;
}

}  // namespace strata
