#include "core/device/device_info.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/device/cuda_runtime.h"
#include "core/device/free_memory.h"
#include "core/device/gpu_diagnosis.h"
#include "core/device/gpu_library_checks.h"
#include "core/device/library_version.h"
#include "core/device/nvml.h"

namespace strata {

namespace {
/// Time that all cores of the processor spent since the machine started, in the kernel's ticks.
struct ProcessorTime {
  std::int64_t busy = 0, all = 0;

  static ProcessorTime now() {
    std::ifstream stat("/proc/stat");
    std::string word;
    stat >> word;  // "cpu"; then user, nice, system, idle, iowait, irq, softirq, steal
    ProcessorTime time;
    std::int64_t ticks = 0;
    for (int i = 0; i < 8 && stat >> ticks; ++i) {
      time.all += ticks;
      if (i != 3 && i != 4) time.busy += ticks;
    }
    return time;
  }
};

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

DeviceState state_of(const PhysicalDevice& device) {
  DeviceState state;
  state.name = device.name;
  state.description = device.description;
  state.compute_capability = device.compute_capability;
  state.memory_total = device.memory_bytes;
  return state;
}

void add(DeviceState& state, const Nvml::State& now) {
  if (state.description.empty()) state.description = now.name;
  if (now.index >= 0) state.physical_index = now.index;
  if (now.memory_total) state.memory_total = now.memory_total;
  state.memory_free = now.memory_free;
  state.load = now.load;
  state.temperature = now.temperature;
  state.clock = now.clock;
  state.highest_clock = now.highest_clock;
  state.power = now.power;
}

std::string program_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

std::string gibibytes(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

Device named(const PhysicalDevice& d) { return device_from_string(d.name); }
}  // namespace

struct DeviceMonitor::Data {
  Nvml nvml;
  ProcessorTime before;
};

DeviceMonitor::DeviceMonitor() : data_(std::make_unique<Data>()) {}
DeviceMonitor::~DeviceMonitor() = default;

std::vector<DeviceState> DeviceMonitor::states() {
  std::vector<DeviceState> all;
  for (const PhysicalDevice& device : config::list_physical_devices("cpu")) {
    all.push_back(state_of(device));
    all.back().memory_free = system_memory().available;
    const ProcessorTime now = ProcessorTime::now(), before = std::exchange(data_->before, now);
    if (before.all > 0 && now.all > before.all)
      all.back().load = static_cast<int>(100 * (now.busy - before.busy) / (now.all - before.all));
  }
  std::vector<std::string> others = data_->nvml.buses();
  for (const PhysicalDevice& device : config::list_physical_devices("gpu")) {
    DeviceState state = state_of(device);
    const int index = named(device).index;
    state.bus = lower(cuda::properties(index).bus);
    std::erase(others, state.bus);
    if (const auto now = data_->nvml.state(state.bus))
      add(state, *now);
    else
      state.memory_free = static_cast<std::int64_t>(cuda::memory_info(index).free);
    all.push_back(std::move(state));
  }
  for (const std::string& bus : others) {
    DeviceState state;
    state.bus = bus;
    if (const auto now = data_->nvml.state(bus)) add(state, *now);
    all.push_back(std::move(state));
  }
  return all;
}

std::vector<DeviceProcess> DeviceMonitor::processes(const DeviceState& state) const {
  std::vector<DeviceProcess> all;
  for (const Nvml::Process& p : data_->nvml.processes(state.bus))
    all.push_back({p.pid, program_of(p.pid), p.bytes < 0 ? std::nullopt : std::optional(p.bytes)});
  return all;
}

std::string DeviceMonitor::problem() const { return data_->nvml.problem(); }

namespace config {
std::vector<LocalDevice> list_local_devices() {
  std::vector<LocalDevice> all;
  for (const PhysicalDevice& p : list_physical_devices()) {
    const Device device = named(p);
    const std::int64_t limit = memory_limit(device);
    LocalDevice local{p.name, "CPU", limit > 0 ? limit : p.memory_bytes, p.description};
    if (device.kind == DeviceKind::gpu) {
      local.device_type = "GPU";
      local.physical_device_desc = "device: " + std::to_string(device.index) + ", name: " + p.description +
                                   ", pci bus id: " + cuda::properties(device.index).bus +
                                   ", compute capability: " + p.compute_capability;
    }
    all.push_back(std::move(local));
  }
  return all;
}

std::string gpu_device_name() { return is_gpu_available() ? list_physical_devices("gpu").front().name : ""; }

bool is_gpu_available(std::string_view min_compute_capability) {
  const LibraryVersion least = LibraryVersion::of_text(min_compute_capability);
  if (!min_compute_capability.empty() && least == LibraryVersion{})
    fail_expected("is_gpu_available", "a compute capability such as '8.0'",
                  "'" + std::string(min_compute_capability) + "'");
  const auto gpus = list_physical_devices("gpu");
  return std::any_of(gpus.begin(), gpus.end(),
                     [&](const PhysicalDevice& d) { return LibraryVersion::of_text(d.compute_capability) >= least; }) &&
         why_no_gpu().empty();
}

std::string why_no_gpu() {
  const std::string why = diagnose_gpu(GpuMachine::here(), GpuProbes::look).why_not();
  if (!why.empty() || cuda::device_count() > 0) return why;
  return "The driver lists GPUs, but CUDA's runtime starts on none of them; `strata doctor` tries each step.";
}

std::vector<GpuFinding> gpu_findings(GpuProbes probes) { return diagnose_gpu(GpuMachine::here(), probes).findings; }

std::vector<std::pair<std::string, std::string>> gpu_software() { return cuda_software(GpuMachine::here()); }

std::string memory_holders(Device device) {
  if (device.kind == DeviceKind::cpu) return "";
  DeviceMonitor monitor;
  DeviceState state;
  state.bus = lower(cuda::properties(device.index).bus);
  std::string all;
  for (const DeviceProcess& p : monitor.processes(state))
    all += (all.empty() ? "It is held by " : ", ") + (p.name.empty() ? "process" : p.name) + " (" +
           std::to_string(p.pid) + (p.bytes ? ", " + gibibytes(*p.bytes) : "") + ")";
  return all;
}
}  // namespace config

}  // namespace strata
