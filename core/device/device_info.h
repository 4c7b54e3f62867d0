#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/export.h"
#include "core/device/device.h"

/// What devices are here, what they are doing, and why a GPU can or cannot be used.
namespace strata {

/// A device that can be used, in TensorFlow's words (device_lib.list_local_devices).
struct LocalDevice {
  std::string name;               ///< "cpu:0", "gpu:1"
  std::string device_type;        ///< "CPU" or "GPU"
  std::int64_t memory_limit = 0;  ///< bytes that may be used: config::memory_limit where one is set, else all there are
  std::string physical_device_desc;  ///< of a GPU "device: 0, name: NVIDIA H100, pci bus id: 0000:01:00.0, compute
                                     ///< capability: 9.0"
};

/// A device as it is now. What is not known stays empty.
struct DeviceState {
  std::string name;                                       ///< "gpu:0"; empty for a GPU that this process cannot use
  std::string description;                                ///< the processor's or the GPU's own name
  std::string compute_capability;                         ///< as in PhysicalDevice
  std::string bus;                                        ///< of a GPU, its PCI address, "0000:01:00.0"
  std::optional<int> physical_index;                      ///< the number that nvidia-smi gives a GPU
  std::optional<std::int64_t> memory_total, memory_free;  ///< bytes
  std::optional<int> load;                                ///< percent; of the processor, of all its cores
  std::optional<int> temperature, clock, highest_clock, power;  ///< degrees Celsius, MHz, MHz, watts
};

/// Who holds memory of a GPU.
struct DeviceProcess {
  int pid = 0;
  std::string name;                   ///< of its program; empty when the system does not say
  std::optional<std::int64_t> bytes;  ///< empty when the driver does not say
};

/// Asks devices how they are, again and again; keeps NVIDIA's management library (NVML) open meanwhile. Without it,
/// GPUs have no load, temperature, clock, power and processes.
class STRATA_API DeviceMonitor {
 public:
  DeviceMonitor();
  DeviceMonitor(const DeviceMonitor&) = delete;
  DeviceMonitor& operator=(const DeviceMonitor&) = delete;
  ~DeviceMonitor();

  /// The processor, then the GPUs that this process can use, then the others of the machine, of which name is empty.
  /// The processor's load is that since the call before, so the first has none.
  std::vector<DeviceState> states();
  /// Who holds memory of a GPU, the largest first; empty for a CPU.
  std::vector<DeviceProcess> processes(const DeviceState&) const;
  /// Why NVML does not answer; empty when it does.
  std::string problem() const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

/// One thing that a GPU needs: whether it is there, or what is wrong and what to do.
struct GpuFinding {
  enum class State { passed, failed, not_reached };
  State state = State::passed;
  std::string what;    ///< "driver version"
  std::string found;   ///< what was found, or what is wrong, or what it waits for; no final full stop
  std::string advice;  ///< of a failure, what to do; sentences without a final full stop
  bool needed = true;  ///< whether no GPU can be used as long as this fails
};

enum class GpuProbes : std::uint8_t {
  look,  ///< look and ask for versions only: milliseconds
  use,   ///< also make a context on each device, and cuDNN's and cuBLASLt's handles in it: about a second for each
};

namespace config {
/// The devices that can be used, in the order of list_physical_devices.
STRATA_API std::vector<LocalDevice> list_local_devices();
/// "gpu:0" when a GPU can be used, else "".
STRATA_API std::string gpu_device_name();
/// Whether a GPU can be used, and one of at least this compute capability ("8.0") where one is given.
STRATA_API bool is_gpu_available(std::string_view min_compute_capability = "");

/// Everything that a GPU needs, in the order in which one thing builds on another; all that is missing is found at
/// once. why_no_gpu() is made of the needed ones that failed.
STRATA_API std::vector<GpuFinding> gpu_findings(GpuProbes);
/// The versions of what drives GPUs, as far as it is there: {"driver", "580.65.06"}, {"cuDNN", "9.19"}, ...
STRATA_API std::vector<std::pair<std::string, std::string>> gpu_software();

/// For errors about a GPU's memory: "It is held by python (1234, 20.1 GiB), strata (77, 1.2 GiB)"; empty when nobody is
/// known to hold any, and for a CPU.
STRATA_API std::string memory_holders(Device);
}  // namespace config

}  // namespace strata
