#pragma once

#include <strata/strata.h>

#include <functional>
#include <string>

namespace strata::tools {

/// What came of one piece of work on a device.
struct DeviceCheck {
  GpuFinding::State state = GpuFinding::State::not_reached;
  std::string what;    ///< "matrix product"
  std::string detail;  ///< the largest difference, or what went wrong
};

/// Does on the device what training is made of - an allocation, a matrix product, a convolution and its two gradients,
/// a batch normalization, an optimizer's step, a recorded step that is replayed, some steps of a model - and compares
/// each with the CPU working node by node, without fusion. `report` hears of each when it is over. After a device that
/// cannot hold memory, nothing else is tried. Returns whether all passed.
bool check_device(Device, const std::function<void(const DeviceCheck&)>& report);

/// The largest difference of two lists of f32 tensors, relative to the largest number of the second where that is
/// above 1. Infinite where a number is not finite in one of them only, and where shapes differ.
double largest_difference(const Tensors& a, const Tensors& b);

}  // namespace strata::tools
