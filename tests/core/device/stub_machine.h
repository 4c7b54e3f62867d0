#pragma once

#include <stdlib.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/device/gpu_diagnosis.h"
#include "tests/support/own_program.h"
#include "tests/support/temporary_folder.h"

namespace strata::testing {

/// A machine with one NVIDIA GPU on which all is well: stub libraries (tests/core/device/stubs), and a folder in place
/// of /. Tests then break it in one place. What the stubs answer is told to them by variables of the environment.
class StubMachine : public TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    write("sys/bus/pci/devices/0000:01:00.0/class", "0x030200");
    write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de");
    write("sys/bus/pci/devices/0000:01:00.0/device", "0x2330");
    write("proc/driver/nvidia/version",
          "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build");
    write("dev/nvidiactl", "");
    machine.system = {folder_.string(), [this](const char* name) { return variables[name]; }};
    machine.driver = request(cuda_libraries::driver(), "good");
    machine.management = request(cuda_libraries::management(), "good");
    machine.cublas_lt = request(cuda_libraries::cublas_lt(), "good");
    machine.cudnn = request(cuda_libraries::cudnn(), "good");
    machine.nvrtc = request(cuda_libraries::nvrtc(), "good");
    machine.nccl = request(cuda_libraries::nccl(), "good");
    machine.built_with_cuda = true;
    machine.architectures = "75 90 120";
  }
  void TearDown() override {
    for (const std::string& name : told_) ::unsetenv(name.c_str());
    TemporaryFolder::TearDown();
  }

  static std::filesystem::path stubs(const std::string& folder) {
    return own_program().parent_path() / "stubs" / folder;
  }
  /// Looks nowhere but in a folder of the stubs.
  static LibraryRequest request(LibraryRequest of, const std::string& folder) {
    of.search = {{stubs(folder).string()}, false, {}};
    return of;
  }
  /// STUB_<name> = value, until the test is over.
  void tell(const std::string& name, int value) {
    told_.push_back("STUB_" + name);
    ::setenv(told_.back().c_str(), std::to_string(value).c_str(), 1);
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text << '\n';
  }
  void remove(const std::string& name) const { std::filesystem::remove_all(folder_ / name); }
  void bind_driver(const std::string& driver) const {
    const auto device = folder_ / "sys/bus/pci/devices/0000:01:00.0";
    std::filesystem::create_symlink("../../drivers/" + driver, device / "driver");
  }

  std::string why_not(GpuProbes probes = GpuProbes::look) const { return diagnose_gpu(machine, probes).why_not(); }

  GpuMachine machine;
  std::map<std::string, std::string> variables;

 private:
  std::vector<std::string> told_;
};

}  // namespace strata::testing

#define EXPECT_HAS(text, part)                                                                                 \
  do {                                                                                                         \
    const std::string strata_text = text;                                                                      \
    EXPECT_NE(strata_text.find(part), std::string::npos) << "expected: " << (part) << "\nin: " << strata_text; \
  } while (false)
