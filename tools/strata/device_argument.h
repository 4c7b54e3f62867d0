#pragma once

#include <strata/strata.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace strata::tools {

/// --device as every command takes it that computes.
struct DeviceArgument {
  std::string asked;

  void add_to(CLI::App& command);
  /// The device, and why: see choose_device. UsageError when the device asked for is not there.
  DeviceChoice choose(const ChooseDeviceOptions& options = {}) const;
};

}  // namespace strata::tools
