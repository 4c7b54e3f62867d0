#include "core/device/device.h"

#include <unistd.h>

#include <charconv>
#include <fstream>

#include "core/base/error.h"
#include "core/device/cuda_runtime.h"
#include "core/device/device_limits.h"

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

PhysicalDevice processor() {
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
  return cpu;
}

PhysicalDevice gpu(int index) {
  const cuda::DeviceProperties& p = cuda::properties(index);
  return {to_string(Device{DeviceKind::gpu, index}), p.name, static_cast<std::int64_t>(p.total_memory),
          std::to_string(p.major) + "." + std::to_string(p.minor)};
}

/// Splits "/GPU:1" into kind and index; false for anything else.
bool parse(std::string_view name, Device& device) {
  std::string lower;
  for (char c : name) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  std::string_view rest = lower;
  for (const std::string_view prefix : {"/device:", "/"})  // as TensorFlow writes them
    if (rest.starts_with(prefix)) {
      rest.remove_prefix(prefix.size());
      break;
    }
  if (!rest.starts_with("cpu") && !rest.starts_with("gpu")) return false;
  device.kind = rest[0] == 'c' ? DeviceKind::cpu : DeviceKind::gpu;
  rest.remove_prefix(3);
  device.index = 0;
  if (rest.empty()) return true;
  if (rest[0] != ':' || rest.size() < 2) return false;
  const auto [end, code] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), device.index);
  return code == std::errc{} && end == rest.data() + rest.size() && device.index >= 0 &&
         (device.kind == DeviceKind::gpu || device.index < processor_names);
}
}  // namespace

std::string to_string(Device d) { return (d.kind == DeviceKind::cpu ? "cpu:" : "gpu:") + std::to_string(d.index); }

Device device_from_string(std::string_view name) {
  const std::string received = "'" + std::string(name) + "'";
  Device device;
  if (!parse(name, device))
    fail_expected("device", "a name such as 'gpu:0' or 'cpu:0' (to cpu:" + std::to_string(processor_names - 1) + ")",
                  received);
  if (device.kind == DeviceKind::cpu) return device;
  const auto all = config::list_physical_devices();
  for (const PhysicalDevice& d : all)
    if (d.name == to_string(device)) return device;
  const std::string why = config::why_no_gpu();
  throw Error("device", "expected one of the devices here (" + listed(all) + "); received " + received +
                            (why.empty() ? "" : ". " + why));
}

DeviceScope::DeviceScope(std::string_view name) : DeviceScope(device_from_string(name)) {}
DeviceScope::DeviceScope(Device d) : previous_(scoped_device) { scoped_device = d; }
DeviceScope::~DeviceScope() { scoped_device = previous_; }
Device current_device() { return scoped_device; }

namespace config {
std::vector<PhysicalDevice> list_physical_devices(std::string_view kind) {
  const bool only_gpu = kind == "gpu" || kind == "GPU", only_cpu = kind == "cpu" || kind == "CPU";
  if (!kind.empty() && !only_cpu && !only_gpu)
    fail_expected("list_physical_devices", "'cpu', 'gpu' or nothing", "'" + std::string(kind) + "'");
  std::vector<PhysicalDevice> all;
  if (!only_gpu) all.push_back(processor());
  for (int i = 0; !only_cpu && i < cuda::device_count(); ++i) all.push_back(gpu(i));
  return all;
}

bool is_built_with_cuda() { return cuda::backend() == cuda::Backend::cuda; }

void set_memory_growth(std::string_view name, bool grow) {
  const Device device = device_from_string(name);
  if (device.kind == DeviceKind::cpu && !grow)
    throw Error("set_memory_growth", "memory of " + to_string(device) +
                                         " always grows as it is needed; only a GPU's can be reserved at once");
}
}  // namespace config

}  // namespace strata
