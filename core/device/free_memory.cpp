#include "core/device/free_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <vector>

#include "core/base/error.h"
#include "core/device/cuda_runtime.h"

namespace strata {

namespace {
/// The number that stands in a file by itself; none for "max" and where there is no such file.
std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  return file >> number ? std::optional(number) : std::nullopt;
}

/// The number behind `key` in lines of keys and numbers.
std::optional<std::int64_t> number_after(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  std::int64_t number = 0;
  for (std::string line; file >> word;) {
    if (word == key && file >> number) return number;
    std::getline(file, line);
  }
  return std::nullopt;
}

/// Paths of this process's control groups that limit memory: version 2 has one for everything (`0::/path`), version 1
/// one named `memory`. A container sees its own as the root, whatever the path says, so that is looked at, too.
std::vector<std::string> control_groups(const std::string& root) {
  const std::string base = root + "sys/fs/cgroup";
  std::vector<std::string> folders{base, base + "/memory"};
  std::ifstream file(root + "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) folders.push_back(base + path);
    if (controllers == "memory") folders.push_back(base + "/memory" + path);
  }
  return folders;
}

/// What the limit of one control group leaves. Its use counts pages of files that would be dropped when memory is
/// short.
std::optional<std::int64_t> left_in(const std::string& folder) {
  const bool second = number_in(folder + "/memory.current").has_value();
  const auto limit = number_in(folder + (second ? "/memory.max" : "/memory.limit_in_bytes"));
  const auto used = number_in(folder + (second ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!limit || !used) return std::nullopt;
  const auto files = number_after(folder + "/memory.stat", second ? "inactive_file" : "total_inactive_file");
  return std::max<std::int64_t>(*limit - *used + files.value_or(0), 0);
}
}  // namespace

SystemMemory system_memory(const std::string& root) {
  constexpr std::int64_t kib = 1024;
  const std::string path = root + "proc/meminfo";
  const auto available = number_after(path, "MemAvailable:"), swap = number_after(path, "SwapFree:");
  if (!available) throw Error("system memory", "cannot find out how much is free: '" + path + "' has no MemAvailable");
  SystemMemory memory{*available * kib, swap.value_or(0) * kib};
  for (const std::string& folder : control_groups(root))
    if (const auto left = left_in(folder); left && *left < memory.available) memory = {*left, 0};
  return memory;
}

namespace config {
std::int64_t free_memory(Device device) {
  const bool on_gpu = device.kind == DeviceKind::gpu;
  const std::int64_t limit = memory_limit(device);
  if (limit > 0 && !on_gpu) return std::max<std::int64_t>(limit - memory_in_use(device), 0);
  if (!on_gpu) return system_memory().available;
  const auto free = static_cast<std::int64_t>(cuda::memory_info(device.index).free);  // others use a GPU, too
  return limit > 0 ? std::clamp<std::int64_t>(limit - memory_in_use(device), 0, free) : free;
}

std::int64_t swap_space(Device device) {
  if (device.kind == DeviceKind::gpu || memory_limit(device) > 0) return 0;
  return system_memory().swap;
}
}  // namespace config

}  // namespace strata
