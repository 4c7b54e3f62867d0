#include "core/device/nvml.h"

#include <gtest/gtest.h>

#include "tests/core/device/stub_machine.h"

namespace strata {
namespace {

using NvmlTest = testing::StubMachine;

TEST_F(NvmlTest, StateOfADevice) {
  const Nvml nvml(machine.management);
  ASSERT_TRUE(nvml.working());
  EXPECT_EQ(nvml.driver_version(), "580.65.06");
  EXPECT_EQ(nvml.buses(), std::vector<std::string>{"0000:01:00.0"});
  const auto state = nvml.state("0000:01:00.0");
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->name, "Stub GPU 0");
  EXPECT_EQ(state->index, 0);
  EXPECT_EQ(state->memory_total, std::int64_t{8} << 30);
  EXPECT_EQ(state->memory_free, std::int64_t{3} << 30);
  EXPECT_EQ(state->load, 41);
  EXPECT_EQ(state->temperature, 60);
  EXPECT_EQ(state->clock, 1410);
  EXPECT_EQ(state->highest_clock, 1980);
  EXPECT_FALSE(state->power.has_value()) << "the stub does not support it";
  EXPECT_FALSE(nvml.state("0000:05:00.0").has_value());
}

TEST_F(NvmlTest, ProcessesTheLargestFirst) {
  const Nvml nvml(machine.management);
  tell("NVML_PROCESSES", 100);  // more than are asked for at first
  const auto processes = nvml.processes("0000:01:00.0");
  ASSERT_EQ(processes.size(), 100u);
  EXPECT_EQ(processes.front().pid, 100);
  EXPECT_EQ(processes.front().bytes, std::int64_t{99} << 30);
  EXPECT_EQ(processes.back().pid, 1);
  EXPECT_EQ(processes.back().bytes, -1) << "the driver does not say";
}

TEST_F(NvmlTest, SaysWhyItDoesNotWork) {
  const std::vector<std::tuple<int, const char*, const char*>> all{
      {4, "may not talk to the driver", "rights"},
      {9, "module is not loaded", "modprobe nvidia"},
      {12, "a library of the driver is missing", "install the driver again"},
      {15, "fallen off the bus", "restart"},
      {18, "of different versions", "restart the machine"},
      {999, "nvmlInit failed with 999", "nvidia-smi"},
  };
  for (const auto& [code, problem, advice] : all) {
    tell("NVML_INIT", code);
    const Nvml nvml(machine.management);
    EXPECT_FALSE(nvml.working());
    EXPECT_HAS(nvml.problem(), problem);
    EXPECT_HAS(nvml.advice(), advice);
    EXPECT_EQ(nvml.driver_version(), "");
    EXPECT_TRUE(nvml.processes("0000:01:00.0").empty());
  }
  const Nvml absent(request(cuda_libraries::management(), "nowhere"));
  EXPECT_HAS(absent.problem(), "NVML (libnvidia-ml.so.1) was not found");
}

}  // namespace
}  // namespace strata
