#pragma once

#include <cstdint>
#include <string>

#include "core/base/export.h"
#include "core/device/device.h"

namespace strata {

/// What the operating system has left for this process, in bytes.
struct SystemMemory {
  std::int64_t available =
      0;                  ///< without swapping (MemAvailable); within a control group at most what its limit leaves
  std::int64_t swap = 0;  ///< free swap space; none where a control group's limit is the tighter one
};
/// Reads `proc` and `sys/fs/cgroup` (versions 1 and 2) below `root`. Error when `proc/meminfo` cannot be read.
STRATA_API SystemMemory system_memory(const std::string& root = "/");

namespace config {
/// Bytes that can still be taken on a device: what its memory limit leaves, or without one what the system has
/// available.
STRATA_API std::int64_t free_memory(Device);
/// Bytes that can be taken beside free_memory, at the cost of swapping: none under a memory limit.
STRATA_API std::int64_t swap_space(Device);
}  // namespace config

}  // namespace strata
