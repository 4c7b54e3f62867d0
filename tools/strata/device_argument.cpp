#include "tools/strata/device_argument.h"

#include "tools/strata/commands.h"

namespace strata::tools {

void DeviceArgument::add_to(CLI::App& command) {
  command.add_option(
      "--device", asked,
      "where to compute: cpu, gpu, gpu:1, ..., or auto, which times a few steps where there are several; "
      "default: what STRATA_DEVICE says, or auto");
}

DeviceChoice DeviceArgument::choose(const ChooseDeviceOptions& options) const {
  try {
    return choose_device(asked, options);
  } catch (const Error& e) {
    if (e.where() != "device") throw;  // the device is there, and the trial failed
    throw UsageError((asked.empty() ? "STRATA_DEVICE: " : "--device " + asked + ": ") + e.message());
  }
}

std::vector<Device> devices_of_list(const std::string& asked) {
  if (asked.empty()) return devices_from_list(config::list_physical_devices("gpu").empty() ? "cpu:0" : "cpu:0,gpu:0");
  try {
    return devices_from_list(asked);
  } catch (const Error& e) {
    throw UsageError("--device " + asked + ": " + e.what());
  }
}

}  // namespace strata::tools
