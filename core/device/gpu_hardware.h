#pragma once

#include <functional>
#include <string>
#include <vector>

/// What the system itself says about GPUs, before any of NVIDIA's libraries is asked.
namespace strata {

/// Where to look. Tests put other folders and variables in place of the machine's.
struct SystemView {
  std::string root;                                          ///< stands before /sys, /proc, /dev and the rest
  std::function<std::string(const char* name)> environment;  ///< a variable's value, empty without it

  static SystemView of_this_machine();
};

/// A display controller or a processing accelerator on the PCI bus.
struct PciGpu {
  enum class Vendor { nvidia, amd, intel };
  Vendor vendor = Vendor::nvidia;
  std::string address;  ///< "0000:01:00.0"
  std::string id;       ///< vendor and device, "10de:2330"
  std::string driver;   ///< the kernel's driver that is bound to it: "nvidia", "nouveau", "vfio-pci", or empty

  /// "NVIDIA GPU 10de:2330 at 0000:01:00.0"
  std::string text() const;
};

struct GpuHardware {
  std::vector<PciGpu> gpus;         ///< of the vendors above
  std::string module_version;       ///< of NVIDIA's kernel module while it is loaded: "580.65.06"
  bool control_device = false;      ///< /dev/nvidiactl is there
  bool control_accessible = false;  ///< and this user may open it
  bool wsl = false;                 ///< in the Windows Subsystem for Linux
  bool wsl_gpu = false;             ///< and Windows offers it a GPU: /dev/dxg
  bool container = false;           ///< in a container (Docker, Podman and the like)

  static GpuHardware inspect(const SystemView&);
  const PciGpu* first(PciGpu::Vendor) const;
};

}  // namespace strata
