#include "core/device/gpu_diagnosis.h"

#include <algorithm>
#include <sstream>

#include "core/device/cuda_runtime.h"
#include "core/device/cuda_versions.h"
#include "core/device/device.h"
#include "core/device/gpu_library_checks.h"

namespace strata {

namespace {
using State = GpuFinding::State;

constexpr const char* rebuild_advice =
    "rebuild with CUDA, in Strata's source folder: `tools/setup_cuda.sh` where no CUDA toolkit is installed, then "
    "`cmake --preset "
    "cuda && cmake --build --preset cuda`";
constexpr const char* container_advice =
    "start the container with its GPUs: `docker run --gpus all ...` (Podman: `--device nvidia.com/gpu=all`), with the "
    "NVIDIA Container Toolkit installed on the host";

std::string driver_advice(const GpuHardware& hardware) {
  if (hardware.wsl)
    return "install NVIDIA's current driver in Windows, not in Linux, and run `wsl --update` there; Windows gives WSL "
           "its libcuda";
  return "install NVIDIA's driver " + least::driver.text() +
         " or newer and restart the machine. Ubuntu: `sudo apt-get install nvidia-driver-" +
         std::to_string(least::driver.major) +
         "`. Debian: add NVIDIA's own repository (developer.nvidia.com/cuda-downloads), then `sudo apt-get install "
         "cuda-drivers`; Debian 12's own nvidia-driver is too old";
}

/// Collects findings; each check adds its own and says whether what builds on it can go on.
class Examination {
 public:
  Examination(const GpuMachine& machine, GpuProbes probes)
      : machine_(machine),
        probes_(probes),
        hardware_(GpuHardware::inspect(machine.system)),
        driver_(machine.driver),
        nvml_(machine.management) {}

  GpuDiagnosis run() {
    if (machine_.emulation != GpuMachine::Emulation::none) {
      check_emulation();
      return std::move(diagnosis_);
    }
    const bool built = check_build();
    const bool seen = check_hardware();
    const bool module = seen ? check_module() : skip({"NVIDIA kernel module"}, "an NVIDIA GPU");
    const bool library = check_driver_library(seen);
    const bool started = library ? check_start(module) : skip({"driver version", "cuInit"}, "the driver");
    const bool devices = started ? check_devices() : skip({"devices"}, "a driver that works");
    check_management();
    if (built) {
      const int usable = devices && probes_ == GpuProbes::use ? static_cast<int>(devices_.size()) : 0;
      check_cuda_libraries(machine_, driver_, usable, diagnosis_.findings);
    }
    return std::move(diagnosis_);
  }

 private:
  bool pass(std::string what, std::string found) {
    diagnosis_.findings.push_back({State::passed, std::move(what), std::move(found), "", true});
    return true;
  }
  bool fail(std::string what, std::string found, std::string advice, bool needed = true) {
    diagnosis_.findings.push_back({State::failed, std::move(what), std::move(found), std::move(advice), needed});
    return false;
  }
  bool skip(const std::vector<std::string>& all, const std::string& waits_for) {
    for (const std::string& what : all)
      diagnosis_.findings.push_back({State::not_reached, what, "waits for " + waits_for, "", true});
    return false;
  }

  void check_emulation();
  bool check_build();
  bool check_hardware();
  bool check_module();
  bool check_driver_library(bool gpu_seen);
  bool check_start(bool module);
  void forgive_what_is_hidden();
  bool check_devices();
  bool check_device(int ordinal, const DriverDevice& device);
  bool no_devices();
  void check_management();

  const GpuMachine& machine_;
  GpuProbes probes_;
  GpuHardware hardware_;
  CudaDriver driver_;
  Nvml nvml_;
  std::vector<DriverDevice> devices_;
  GpuDiagnosis diagnosis_;
};

void Examination::check_emulation() {
  if (machine_.emulation == GpuMachine::Emulation::on)
    pass("this build", "its GPU is emulated on the processor, for tests");
  else
    fail("this build", "This build emulates GPUs on the processor, as many as STRATA_EMULATED_GPU says: none",
         "set it for tests; for real GPUs " + std::string(rebuild_advice));
}

bool Examination::check_build() {
  if (!machine_.built_with_cuda)
    return fail("this build", "This build of Strata has no CUDA support: it holds CPU kernels only", rebuild_advice);
  return pass("this build",
              "with CUDA, for compute capabilities " + std::string(machine_.architectures) + " (the last as PTX too)");
}

bool Examination::check_hardware() {
  const char* const what = "NVIDIA GPU";
  const PciGpu* const nvidia = hardware_.first(PciGpu::Vendor::nvidia);
  if (nvidia) {
    std::string all;
    for (const PciGpu& gpu : hardware_.gpus)
      if (gpu.vendor == PciGpu::Vendor::nvidia) all += (all.empty() ? "" : ", ") + gpu.text();
    return pass(what, all);
  }
  if (hardware_.wsl_gpu) return pass(what, "Windows offers its GPU to WSL (/dev/dxg)");
  if (!hardware_.module_version.empty()) return pass(what, "not on the PCI bus, but NVIDIA's driver is loaded");
  if (hardware_.wsl)
    return fail(what, "WSL has no GPU here (no /dev/dxg)",
                "use WSL 2 (`wsl --set-version <distribution> 2` in Windows), run `wsl --update`, and install NVIDIA's "
                "driver in Windows");
  if (!hardware_.gpus.empty())
    return fail(
        what, "There is no NVIDIA GPU here but an " + hardware_.gpus.front().text(),
        "Strata's GPU kernels are written for NVIDIA's CUDA; on this machine it computes on the CPU (`--device cpu`)");
  return fail(what, "There is no NVIDIA GPU on the PCI bus",
              hardware_.container
                  ? "if the host has one, " + std::string(container_advice)
                  : "on a virtual machine ask for one with a GPU; otherwise use the CPU (`--device cpu`)");
}

bool Examination::check_module() {
  const char* const what = "NVIDIA kernel module";
  if (hardware_.wsl_gpu) return pass(what, "Windows has it");
  if (hardware_.module_version.empty()) {
    const PciGpu* const gpu = hardware_.first(PciGpu::Vendor::nvidia);
    if (gpu->driver == "nouveau")
      return fail(what, "The GPU is run by nouveau, the free driver, which has no CUDA", driver_advice(hardware_));
    if (gpu->driver.starts_with("vfio"))
      return fail(what, "The GPU is set aside for virtual machines (" + gpu->driver + ")",
                  "use it in the virtual machine that it is given to, or bind it to NVIDIA's driver again");
    if (hardware_.container && !gpu->driver.empty())
      return fail(what, "The host's driver is not to be seen in this container", container_advice);
    return fail(what, "NVIDIA's driver is not loaded (no /proc/driver/nvidia/version)",
                driver_advice(hardware_) +
                    ". If it is installed, `dmesg | grep NVRM` says why it does not start; with Secure Boot "
                    "its module must be signed");
  }
  pass(what, hardware_.module_version);
  if (!hardware_.control_device)
    return fail("GPU device files", "/dev/nvidiactl is not there, though the driver is loaded",
                hardware_.container ? container_advice : "`nvidia-modprobe -u -c=0` as root makes the device files");
  if (!hardware_.control_accessible)
    return fail("GPU device files", "This user may not open /dev/nvidiactl",
                "ask the administrator for the group that owns /dev/nvidia* (`ls -l /dev/nvidiactl`)");
  return pass("GPU device files", "/dev/nvidiactl");
}

bool Examination::check_driver_library(bool gpu_seen) {
  const char* const what = "driver's CUDA library";
  if (driver_.library().loaded()) return pass(what, driver_.library().path());
  std::string advice = driver_advice(hardware_);
  if (hardware_.container)
    advice = std::string(container_advice) + " and NVIDIA_DRIVER_CAPABILITIES=compute,utility";
  else if (!gpu_seen)
    advice = "it comes with NVIDIA's driver, which is of no use without a GPU of NVIDIA's";
  else if (!hardware_.module_version.empty())
    advice =
        "the driver's module is loaded but its library is missing: Debian: `sudo apt-get install libcuda1`; Ubuntu: "
        "`sudo "
        "apt-get install libnvidia-compute-" +
        std::to_string(LibraryVersion::of_text(hardware_.module_version).major) + "`";
  return fail(what, driver_.library().problem(), advice);
}

bool Examination::check_start(bool module) {
  if (nvml_.library().loaded() && nvml_.init_code() == 18)  // cuInit would only say "unknown"
    return fail("cuInit", "Driver and library are of different versions (module " + hardware_.module_version + ")",
                nvml_.advice());
  // Before cuInit, which an old driver may refuse without saying why.
  const LibraryVersion version = driver_.cuda_version();
  if (version < least::cuda) {
    skip({"cuInit"}, "a driver that is new enough");
    const std::string driver = nvml_.working() ? nvml_.driver_version() : hardware_.module_version;
    return fail("driver version",
                "The driver" + (driver.empty() ? "" : " " + driver) + " runs CUDA " + version.text() +
                    " at most; this needs " + least::cuda.text() + " (driver " + least::driver.text() + " or newer)",
                driver_advice(hardware_));
  }
  pass("driver version", "CUDA up to " + version.text());
  if (const auto failure = driver_.initialize()) {
    if (!module) return skip({"cuInit"}, "the NVIDIA kernel module");
    if (failure->code == 100) return no_devices();
    return fail("cuInit", failure->text(), driver_error(failure->code).advice);
  }
  if (!module) forgive_what_is_hidden();
  return pass("cuInit", "the driver answers");
}

/// Some sandboxes hide /sys and /proc; the driver, which works, has the last word.
void Examination::forgive_what_is_hidden() {
  for (GpuFinding& finding : diagnosis_.findings)
    if (finding.what != "this build") finding.needed = false;
}

bool Examination::no_devices() {
  const std::string visible = machine_.system.environment("CUDA_VISIBLE_DEVICES");
  const std::string offered = machine_.system.environment("NVIDIA_VISIBLE_DEVICES");
  const std::size_t all = nvml_.buses().size();
  if (all > 0)
    return fail("devices",
                "CUDA_VISIBLE_DEVICES='" + visible + "' hides all " + std::to_string(all) + " GPUs of this machine",
                "unset it, or name those to use: `CUDA_VISIBLE_DEVICES=0`. `nvidia-smi -L` lists them");
  if (hardware_.container && (offered == "void" || offered == "none"))
    return fail("devices", "The container was started without GPUs (NVIDIA_VISIBLE_DEVICES=" + offered + ")",
                container_advice);
  if (!visible.empty())
    return fail("devices", "The driver lists no GPU to this process, with CUDA_VISIBLE_DEVICES='" + visible + "'",
                "unset CUDA_VISIBLE_DEVICES, or name GPUs that `nvidia-smi -L` lists");
  return fail("devices", "The driver works but lists no GPU",
              hardware_.container ? container_advice : driver_error(100).advice);
}

bool Examination::check_devices() {
  if (const auto failure = driver_.devices(devices_))
    return fail("devices", failure->text(), driver_error(failure->code).advice);
  if (devices_.empty()) return no_devices();
  bool any = false;
  for (std::size_t i = 0; i < devices_.size(); ++i) any = check_device(static_cast<int>(i), devices_[i]) || any;
  if (any)  // one that works is enough; the others are worth knowing
    for (GpuFinding& finding : diagnosis_.findings)
      if (finding.what.starts_with("gpu:")) finding.needed = false;
  return any;
}

bool Examination::check_device(int ordinal, const DriverDevice& device) {
  const std::string what = to_string(Device{DeviceKind::gpu, ordinal});
  const std::string name = device.name + ", compute capability " + device.compute_capability.text();
  if (device.compute_capability < least::compute_capability)
    return fail(what,
                name + ": too old, since CUDA " + least::cuda.text() + " starts at " + least::compute_capability.text(),
                "there is no way to use this GPU with this version of Strata; use the CPU (`--device cpu`)");
  if (machine_.built_with_cuda && !runs_on(machine_.architectures, device.compute_capability)) {
    const std::string wanted =
        std::to_string(device.compute_capability.major) + std::to_string(device.compute_capability.minor);
    return fail(what, name + ": this build holds kernels for " + std::string(machine_.architectures) + " only",
                "rebuild with -DSTRATA_CUDA_ARCHITECTURES=" + wanted);
  }
  if (device.mode == DriverDevice::Mode::prohibited)
    return fail(what, name + ": set to take no computations (compute mode PROHIBITED)",
                "ask the administrator, or as root: `nvidia-smi -i " + device.bus + " -c DEFAULT`");
  if (probes_ == GpuProbes::use)
    if (const auto failure = driver_.with_context(ordinal, [] {})) {
      std::string advice = driver_error(failure->code).advice;
      for (const Nvml::Process& p : nvml_.processes(device.bus))
        advice += "; process " + std::to_string(p.pid) + " is on it now";
      return fail(what, name + ": " + failure->text(), advice);
    }
  return pass(what, name + (device.mode == DriverDevice::Mode::exclusive ? "; takes one process at a time" : ""));
}

void Examination::check_management() {
  if (nvml_.working()) {
    pass("NVML", "driver " + nvml_.driver_version());
  } else if (driver_.library().loaded()) {
    fail("NVML", nvml_.problem() + " (temperature, load and processes cannot be shown)", nvml_.advice(), false);
  } else {
    skip({"NVML"}, "the driver");
    diagnosis_.findings.back().needed = false;
  }
}

}  // namespace

GpuMachine GpuMachine::here() {
  GpuMachine machine;
  machine.system = SystemView::of_this_machine();
  machine.driver = cuda_libraries::driver();
  machine.management = cuda_libraries::management();
  machine.cublas_lt = cuda_libraries::cublas_lt();
  machine.cudnn = cuda_libraries::cudnn();
  machine.nvrtc = cuda_libraries::nvrtc();
  machine.nccl = cuda_libraries::nccl();
  machine.built_with_cuda = cuda::backend() == cuda::Backend::cuda;
  if (cuda::backend() == cuda::Backend::emulated)
    machine.emulation = cuda::device_count() > 0 ? GpuMachine::Emulation::on : GpuMachine::Emulation::off;
  machine.architectures = built_architectures;
  return machine;
}

bool GpuDiagnosis::usable() const {
  return std::all_of(findings.begin(), findings.end(),
                     [](const GpuFinding& f) { return f.state == State::passed || !f.needed; });
}

std::string GpuDiagnosis::why_not() const {
  std::string all;
  for (const GpuFinding& f : findings) {
    if (f.state != State::failed || !f.needed) continue;
    all += (all.empty() ? "" : " ") + f.found + "; to do: " + f.advice + ".";
  }
  return all;
}

GpuDiagnosis diagnose_gpu(const GpuMachine& machine, GpuProbes probes) { return Examination(machine, probes).run(); }

bool runs_on(std::string_view architectures, LibraryVersion capability) {
  std::istringstream words{std::string(architectures)};
  int last = 0;
  for (int architecture = 0; words >> architecture; last = architecture)
    if (architecture / 10 == capability.major && architecture % 10 <= capability.minor) return true;
  return last > 0 && last <= capability.major * 10 + capability.minor;
}

}  // namespace strata
