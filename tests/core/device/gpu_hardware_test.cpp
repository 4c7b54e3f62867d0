#include "core/device/gpu_hardware.h"

#include <gtest/gtest.h>

#include "core/device/library_version.h"
#include "tests/core/device/stub_machine.h"

namespace strata {
namespace {

using GpuHardwareTest = testing::StubMachine;

TEST_F(GpuHardwareTest, ReadsWhatTheSystemSays) {
  write("sys/bus/pci/devices/0000:00:02.0/class", "0x030000");
  write("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086");
  write("sys/bus/pci/devices/0000:00:02.0/device", "0x46a6");
  write("sys/bus/pci/devices/0000:00:1f.0/class", "0x060100");
  write("sys/bus/pci/devices/0000:00:1f.0/vendor", "0x8086");
  bind_driver("nvidia");
  const GpuHardware here = GpuHardware::inspect(machine.system);
  ASSERT_EQ(here.gpus.size(), 2u);
  EXPECT_EQ(here.gpus[0].text(), "Intel GPU 8086:46a6 at 0000:00:02.0");
  EXPECT_EQ(here.first(PciGpu::Vendor::nvidia)->driver, "nvidia");
  EXPECT_EQ(here.first(PciGpu::Vendor::amd), nullptr);
  EXPECT_EQ(here.module_version, "580.65.06");
  EXPECT_TRUE(here.control_device && here.control_accessible);
  EXPECT_FALSE(here.wsl || here.container);
}

TEST_F(GpuHardwareTest, ProprietaryModuleToo) {
  write("proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024");
  EXPECT_EQ(GpuHardware::inspect(machine.system).module_version, "535.183.01");
}

TEST_F(GpuHardwareTest, ContainersAndWsl) {
  variables["container"] = "podman";
  write("proc/version", "Linux version 5.15.167.4-Microsoft-standard-WSL2");
  const GpuHardware here = GpuHardware::inspect(machine.system);
  EXPECT_TRUE(here.container && here.wsl);
  EXPECT_FALSE(here.wsl_gpu);
}

TEST(LibraryVersions, AreReadAndCompared) {
  EXPECT_EQ(LibraryVersion::of_text("580.65.06"), (LibraryVersion{580, 65, 6}));
  EXPECT_EQ(LibraryVersion::of_text("9.0"), (LibraryVersion{9, 0, 0}));
  EXPECT_EQ(LibraryVersion::of_text("none"), LibraryVersion{});
  EXPECT_EQ(LibraryVersion::of_number(91900), (LibraryVersion{9, 19, 0}));
  EXPECT_EQ(LibraryVersion::of_number(13000, 1000, 10), (LibraryVersion{13, 0, 0}));
  EXPECT_LT((LibraryVersion{9, 9, 9}), (LibraryVersion{9, 10, 0}));
  EXPECT_EQ((LibraryVersion{2, 28, 9}).text(), "2.28.9");
}

}  // namespace
}  // namespace strata
