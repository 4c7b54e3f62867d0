#include "core/device/device.h"

#include <unistd.h>

#include <charconv>
#include <fstream>

#include "core/base/error.h"

namespace strata {

namespace {
thread_local Device scoped_device;

std::string listed(const std::vector<PhysicalDevice>& devices) {
  std::string names;
  for (const PhysicalDevice& d : devices) names += (names.empty() ? "" : ", ") + d.name;
  return names;
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "processor";
}

/// Splits "/GPU:1" into kind and index; false for anything else.
bool parse(std::string_view name, Device& device) {
  std::string lower;
  for (char c : name) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  std::string_view rest = lower;
  if (rest.starts_with('/')) rest.remove_prefix(1);
  if (!rest.starts_with("cpu") && !rest.starts_with("gpu")) return false;
  device.kind = rest[0] == 'c' ? DeviceKind::cpu : DeviceKind::gpu;
  rest.remove_prefix(3);
  device.index = 0;
  if (rest.empty()) return true;
  if (rest[0] != ':' || rest.size() < 2) return false;
  const auto [end, code] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), device.index);
  return code == std::errc{} && end == rest.data() + rest.size() && device.index >= 0 &&
         device.index < max_devices_of_a_kind;
}
}  // namespace

std::string to_string(Device d) { return (d.kind == DeviceKind::cpu ? "cpu:" : "gpu:") + std::to_string(d.index); }

Device device_from_string(std::string_view name) {
  const std::string received = "'" + std::string(name) + "'";
  Device device;
  if (!parse(name, device))
    fail_expected("device",
                  "a name such as 'cpu:0' or 'gpu:0', with a number below " + std::to_string(max_devices_of_a_kind),
                  received);
  if (device.kind == DeviceKind::cpu) return device;
  const auto all = config::list_physical_devices();
  for (const PhysicalDevice& d : all)
    if (d.name == to_string(device)) return device;
  throw Error("device", "expected one of the devices here (" + listed(all) + "); received " + received + ". " +
                            config::why_no_gpu());
}

DeviceScope::DeviceScope(std::string_view name) : DeviceScope(device_from_string(name)) {}
DeviceScope::DeviceScope(Device d) : previous_(scoped_device) { scoped_device = d; }
DeviceScope::~DeviceScope() { scoped_device = previous_; }
Device current_device() { return scoped_device; }

namespace config {
std::vector<PhysicalDevice> list_physical_devices(std::string_view kind) {
  if (kind == "gpu" || kind == "GPU") return {};
  if (!kind.empty() && kind != "cpu" && kind != "CPU")
    fail_expected("list_physical_devices", "'cpu', 'gpu' or nothing", "'" + std::string(kind) + "'");
  PhysicalDevice cpu;
  cpu.name = "cpu:0";
  cpu.description = processor_name();
  cpu.memory_bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
#if defined(__AVX512F__)
  cpu.compute_capability = "x86-64-v4";
#elif defined(__AVX2__)
  cpu.compute_capability = "x86-64-v3";
#elif defined(__x86_64__)
  cpu.compute_capability = "x86-64";
#endif
  return {cpu};
}

bool is_built_with_cuda() { return false; }

std::string why_no_gpu() {
  return "This build of Strata has no CUDA support: it contains CPU kernels only, so no GPU can be used. "
         "Training on a GPU needs a later version of Strata that is built with CUDA";
}

void set_memory_growth(std::string_view name, bool grow) {
  const Device device = device_from_string(name);
  if (device.kind == DeviceKind::cpu && !grow)
    throw Error("set_memory_growth", "memory of " + to_string(device) +
                                         " always grows as it is needed; only a GPU's can be reserved at once");
}
}  // namespace config

}  // namespace strata
