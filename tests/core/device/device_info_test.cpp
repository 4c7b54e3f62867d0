#include "core/device/device_info.h"

#include <gtest/gtest.h>

#include "tests/support/messages.h"

namespace strata {
namespace {

TEST(DeviceInfo, TheProcessorIsAlwaysThere) {
  const auto devices = config::list_local_devices();
  ASSERT_FALSE(devices.empty());
  EXPECT_EQ(devices[0].name, "cpu:0");
  EXPECT_EQ(devices[0].device_type, "CPU");
  EXPECT_GT(devices[0].memory_limit, 0);
  config::set_memory_limit("cpu:0", 12345678);
  EXPECT_EQ(config::list_local_devices()[0].memory_limit, 12345678);
  config::set_memory_limit("cpu:0", 0);
  EXPECT_EQ(devices.size(), config::list_physical_devices().size());
}

TEST(DeviceInfo, AGpuIsNamedOrAReasonGiven) {
  const bool gpu = !config::list_physical_devices("gpu").empty() && config::why_no_gpu().empty();
  EXPECT_EQ(config::is_gpu_available(), gpu);
  EXPECT_EQ(config::gpu_device_name(), gpu ? "gpu:0" : "");
  EXPECT_FALSE(config::is_gpu_available("99.0"));
  EXPECT_ERROR(config::is_gpu_available("fast"), "expected a compute capability such as '8.0'; received 'fast'");
}

TEST(DeviceInfo, StateOfTheProcessor) {
  DeviceMonitor monitor;
  const DeviceState first = monitor.states().at(0);
  EXPECT_EQ(first.name, "cpu:0");
  EXPECT_FALSE(first.load.has_value()) << "a load needs two looks";
  EXPECT_GT(first.memory_free.value_or(0), 0);
  EXPECT_LE(*first.memory_free, *first.memory_total);
  EXPECT_TRUE(monitor.processes(first).empty());
  EXPECT_EQ(config::memory_holders(Device{}), "");
}

TEST(DeviceNames, AllSpellingsOfOneDevice) {
  for (const char* name : {"cpu", "cpu:0", "CPU:0", "/cpu:0", "/device:CPU:0"})
    EXPECT_EQ(device_from_string(name), Device{}) << name;
  for (const char* name : {"/device:", "device:cpu:0", "//cpu:0", "cpu:", "cpu:-1", "cpu:0x"})
    EXPECT_ERROR(device_from_string(name), "expected a name such as 'gpu:0' or 'cpu:0'");
  for (const char* name : {"gpu", "gpu:0", "GPU:0", "/gpu:0", "/device:GPU:0"}) {
    if (config::list_physical_devices("gpu").empty())
      EXPECT_ERROR(device_from_string(name), config::why_no_gpu());
    else
      EXPECT_EQ(device_from_string(name), (Device{DeviceKind::gpu, 0})) << name;
  }
}

}  // namespace
}  // namespace strata
