#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/model.h"

namespace strata {

/// A device and how it came to be the one that is used.
struct DeviceChoice {
  Device device;
  std::string why;  ///< "cpu:0 3.1 ms, gpu:0 0.4 ms a step; --device auto"
  /// What a program prints at the start of a run: "device gpu:0 (cpu:0 3.1 ms, gpu:0 0.4 ms a step; --device auto)".
  STRATA_API std::string line() const;
};

struct ChooseDeviceOptions {
  /// Makes the model, compiled, of which `auto` times some training steps on each candidate. It is called in the
  /// candidate's DeviceScope; seeds and automatic names are afterwards as if it had not been. Empty: nothing is timed.
  std::function<Model()> make = {};
  std::int64_t batch_size = 32;
  int steps = 5;  ///< timed on each candidate, after two that are not; the median counts
  /// Devices among which `auto` chooses. Empty: gpu:0, if there is one, and cpu:0.
  std::vector<Device> candidates = {};
};

/// The device to use. `asked` is what the user gave as --device: a device, or `auto`; empty stands for the
/// environment's STRATA_DEVICE, and without that for `auto`. A device that is named is used or is an Error:
/// why_no_gpu() says why a GPU is not there. `auto` takes the only candidate there is; of several it takes the one with
/// the fastest steps, on random data, or without `make`, or where the model's inputs have open sizes, the first. A
/// candidate without the memory for a step is left out, and the choice says so.
STRATA_API DeviceChoice choose_device(const std::string& asked, const ChooseDeviceOptions& = {});

/// "cpu:0,gpu:1": several devices. Error as for device_from_string, and for a device that comes twice.
STRATA_API std::vector<Device> devices_from_list(const std::string& names);

}  // namespace strata
