#include "core/device/gpu_hardware.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

namespace strata {

namespace fs = std::filesystem;

namespace {
std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

bool there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// "0x10de" -> "10de"
std::string hexadecimal(const fs::path& file) {
  const std::string line = first_line(file);
  return line.starts_with("0x") ? line.substr(2) : line;
}

/// The device in this folder of /sys, when it is a GPU of a vendor that we know. PCI's class 03 is display controllers,
/// 12 processing accelerators.
std::optional<PciGpu> gpu_at(const fs::path& folder) {
  const std::string kind = hexadecimal(folder / "class"), vendor = hexadecimal(folder / "vendor");
  if (!kind.starts_with("03") && !kind.starts_with("12")) return std::nullopt;
  PciGpu gpu;
  if (vendor == "10de")
    gpu.vendor = PciGpu::Vendor::nvidia;
  else if (vendor == "1002")
    gpu.vendor = PciGpu::Vendor::amd;
  else if (vendor == "8086")
    gpu.vendor = PciGpu::Vendor::intel;
  else
    return std::nullopt;
  gpu.address = folder.filename().string();
  gpu.id = vendor + ":" + hexadecimal(folder / "device");
  std::error_code no_driver;
  const fs::path driver = fs::read_symlink(folder / "driver", no_driver);
  if (!no_driver) gpu.driver = driver.filename().string();
  return gpu;
}

/// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  ..." -> "580.65.06"
std::string version_in(const std::string& line) {
  const std::string digits = "0123456789.";
  for (std::size_t begin = 0; (begin = line.find_first_of(digits, begin)) != std::string::npos;) {
    const std::size_t end = std::min(line.find_first_not_of(digits, begin), line.size());
    const std::string word = line.substr(begin, end - begin);
    if (word.find('.') != std::string::npos && word.front() != '.' && (begin == 0 || line[begin - 1] == ' '))
      return word;
    begin = end;
  }
  return "";
}

bool mentions_microsoft(std::string line) {
  std::transform(line.begin(), line.end(), line.begin(), [](unsigned char c) { return std::tolower(c); });
  return line.find("microsoft") != std::string::npos;
}
}  // namespace

SystemView SystemView::of_this_machine() {
  return {"", [](const char* name) {
            const char* value = std::getenv(name);
            return std::string(value ? value : "");
          }};
}

std::string PciGpu::text() const {
  const char* name = vendor == Vendor::nvidia ? "NVIDIA" : vendor == Vendor::amd ? "AMD" : "Intel";
  return std::string(name) + " GPU " + id + " at " + address;
}

GpuHardware GpuHardware::inspect(const SystemView& view) {
  const fs::path root = view.root.empty() ? "/" : view.root;
  GpuHardware here;
  std::error_code ignored;
  for (fs::directory_iterator it(root / "sys/bus/pci/devices", ignored), end; !ignored && it != end;
       it.increment(ignored))
    if (auto gpu = gpu_at(it->path())) here.gpus.push_back(*gpu);
  std::sort(here.gpus.begin(), here.gpus.end(), [](const PciGpu& a, const PciGpu& b) { return a.address < b.address; });
  here.module_version = version_in(first_line(root / "proc/driver/nvidia/version"));
  const fs::path control = root / "dev/nvidiactl";
  here.control_device = there(control);
  here.control_accessible = here.control_device && ::access(control.c_str(), R_OK | W_OK) == 0;
  here.wsl = mentions_microsoft(first_line(root / "proc/version")) || there(root / "usr/lib/wsl/lib");
  here.wsl_gpu = here.wsl && there(root / "dev/dxg");
  here.container =
      there(root / ".dockerenv") || there(root / "run/.containerenv") || !view.environment("container").empty();
  return here;
}

const PciGpu* GpuHardware::first(PciGpu::Vendor vendor) const {
  const auto found = std::find_if(gpus.begin(), gpus.end(), [&](const PciGpu& g) { return g.vendor == vendor; });
  return found == gpus.end() ? nullptr : &*found;
}

}  // namespace strata
