#pragma once

#include <strata/strata.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace strata::tools {

/// --device as every command takes it that computes.
struct DeviceArgument {
  std::string asked;

  void add_to(CLI::App& command);
  /// The device, and why: see choose_device. UsageError when the device asked for is not there.
  DeviceChoice choose(const ChooseDeviceOptions& options = {}) const;
};

/// --device of a command that takes several: "cpu:0,gpu:0". Empty: cpu:0, and gpu:0 if there is one. UsageError when
/// one of them is not there: that is no reason to go on with the others.
std::vector<Device> devices_of_list(const std::string& asked);

}  // namespace strata::tools
