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

}  // namespace strata::tools
