#include "core/device/nvml.h"

#include <algorithm>

namespace strata {

namespace {
// NVML's interface is C and stable: numbers and layouts are these.
enum Result { success = 0, insufficient_size = 7, function_missing = 13 };
enum { clock_sm = 1, temperature_gpu = 0 };

struct Memory {
  unsigned long long total, free, used;
};
struct Utilization {
  unsigned gpu, memory;
};
struct ProcessInfo {
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance, compute_instance;
};
struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
  char bus_id[32];
};

/// NVML writes the PCI domain with eight digits, CUDA and the system with four.
std::string short_domain(std::string bus) {
  if (bus.size() == 16 && bus.starts_with("0000")) bus.erase(0, 4);
  std::transform(bus.begin(), bus.end(), bus.begin(), [](unsigned char c) { return std::tolower(c); });
  return bus;
}

struct InitError {
  int code;
  const char* meaning;
  const char* advice;
};
constexpr InitError init_errors[] = {
    {4, "this user may not talk to the driver", "check the rights of /dev/nvidiactl and /dev/nvidia*"},
    {9, "the kernel's module is not loaded",
     "load it with `modprobe nvidia` as root, or restart the machine; `dmesg | grep NVRM` says why it does not stay"},
    {12, "a library of the driver is missing", "install the driver again: its parts do not fit together"},
    {15, "a GPU has fallen off the bus", "restart the machine; if it comes again, power or cooling may be at fault"},
    {16, "a GPU needs to be reset", "restart the machine"},
    {17, "the system refused the driver something", "in a container, start it with its GPUs; else restart the machine"},
    {18, "driver and library are of different versions",
     "the driver was updated while its old module is still loaded: restart the machine; in a container, start it anew"},
};

const InitError* init_error(int code) {
  const auto found =
      std::find_if(std::begin(init_errors), std::end(init_errors), [&](const InitError& e) { return e.code == code; });
  return found == std::end(init_errors) ? nullptr : found;
}
}  // namespace

template <class... Arguments>
bool Nvml::call(const char* name, Arguments... arguments) const {
  const auto function = library_.find<int(Arguments...)>(name);
  return function && function(arguments...) == success;
}

Nvml::Nvml(const LibraryRequest& request) : library_(SharedLibrary::open(request)) {
  if (!library_.loaded()) return;
  const auto init = library_.find<int()>("nvmlInit_v2");
  init_code_ = init ? init() : static_cast<int>(function_missing);
  initialized_ = init_code_ == success;
}

Nvml::~Nvml() {
  if (initialized_) call("nvmlShutdown");
}

std::string Nvml::problem() const {
  if (initialized_) return "";
  if (!library_.loaded()) return library_.problem();
  const InitError* known = init_error(init_code_);
  return "nvmlInit failed with " + std::to_string(init_code_) + (known ? std::string(": ") + known->meaning : "");
}

std::string Nvml::advice() const {
  if (initialized_) return "";
  if (!library_.loaded()) return "it comes with the driver: install that again (Debian: libnvidia-ml1)";
  const InitError* known = init_error(init_code_);
  return known ? known->advice : "see what `nvidia-smi` says";
}

std::string Nvml::driver_version() const {
  char text[96] = "";
  return initialized_ && call("nvmlSystemGetDriverVersion", static_cast<char*>(text), unsigned{sizeof text}) ? text
                                                                                                             : "";
}

std::vector<std::string> Nvml::buses() const {
  std::vector<std::string> all;
  unsigned count = 0;
  if (!initialized_ || !call("nvmlDeviceGetCount_v2", &count)) return all;
  for (unsigned i = 0; i < count; ++i) {
    Handle* handle = nullptr;
    PciInfo pci{};
    if (call("nvmlDeviceGetHandleByIndex_v2", i, &handle) && call("nvmlDeviceGetPciInfo_v3", handle, &pci))
      all.push_back(short_domain(pci.bus_id));
  }
  return all;
}

Nvml::Handle* Nvml::at(const std::string& bus) const {
  Handle* handle = nullptr;
  return initialized_ && call("nvmlDeviceGetHandleByPciBusId_v2", bus.c_str(), &handle) ? handle : nullptr;
}

std::optional<Nvml::State> Nvml::state(const std::string& bus) const {
  Handle* const gpu = at(bus);
  if (!gpu) return std::nullopt;
  State state;
  char name[128] = "";
  if (call("nvmlDeviceGetName", gpu, static_cast<char*>(name), unsigned{sizeof name})) state.name = name;
  unsigned value = 0;
  if (call("nvmlDeviceGetIndex", gpu, &value)) state.index = static_cast<int>(value);
  Memory memory{};
  if (call("nvmlDeviceGetMemoryInfo", gpu, &memory)) {
    state.memory_total = static_cast<std::int64_t>(memory.total);
    state.memory_free = static_cast<std::int64_t>(memory.free);
  }
  Utilization utilization{};
  if (call("nvmlDeviceGetUtilizationRates", gpu, &utilization)) state.load = static_cast<int>(utilization.gpu);
  if (call("nvmlDeviceGetTemperature", gpu, int{temperature_gpu}, &value)) state.temperature = static_cast<int>(value);
  if (call("nvmlDeviceGetClockInfo", gpu, int{clock_sm}, &value)) state.clock = static_cast<int>(value);
  if (call("nvmlDeviceGetMaxClockInfo", gpu, int{clock_sm}, &value)) state.highest_clock = static_cast<int>(value);
  if (call("nvmlDeviceGetPowerUsage", gpu, &value)) state.power = static_cast<int>((value + 500) / 1000);
  return state;
}

std::vector<Nvml::Process> Nvml::processes(const std::string& bus) const {
  std::vector<Process> all;
  Handle* const gpu = at(bus);
  if (!gpu) return all;
  for (const char* name : {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v3"}) {
    const auto list = library_.find<int(Handle*, unsigned*, ProcessInfo*)>(name);
    std::vector<ProcessInfo> infos(64);
    unsigned count = 64;
    int code = list ? list(gpu, &count, infos.data()) : static_cast<int>(function_missing);
    if (code == insufficient_size) {  // the count is now how many there are; a few may start meanwhile
      count += 16;
      infos.resize(count);
      code = list(gpu, &count, infos.data());
    }
    if (code != success) continue;
    for (unsigned i = 0; i < count; ++i) {
      const ProcessInfo& p = infos[i];
      const bool twice =
          std::any_of(all.begin(), all.end(), [&](const Process& q) { return q.pid == static_cast<int>(p.pid); });
      if (!twice)
        all.push_back(
            {static_cast<int>(p.pid), p.used_memory == ~0ull ? -1 : static_cast<std::int64_t>(p.used_memory)});
    }
  }
  std::sort(all.begin(), all.end(), [](const Process& a, const Process& b) { return a.bytes > b.bytes; });
  return all;
}

}  // namespace strata
