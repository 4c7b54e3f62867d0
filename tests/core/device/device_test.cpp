#include <gtest/gtest.h>
#include <strata/strata.h>

#include <unistd.h>

#include <fstream>

#include "tests/support/messages.h"

namespace strata {
namespace {

TEST(Device, NamesOfOneDeviceMeanTheSame) {
  for (const char* name : {"cpu", "CPU", "cpu:0", "/CPU:0", "/cpu:0"})
    EXPECT_EQ(to_string(device_from_string(name)), "cpu:0") << name;
  EXPECT_EQ(to_string(device_from_string("/CPU:12")), "cpu:12");
}

TEST(Device, EveryNumberOfAProcessorIsThereAndNothingElse) {
  EXPECT_EQ(to_string(device_from_string("cpu:63")), "cpu:63");
  for (const char* name : {"cpu:64", "cpu:-1", "cpu:", "cpu1", "cpu:1 ", ""})
    EXPECT_ERROR(device_from_string(name), "expected a name such as 'gpu:0'");
}

TEST(Device, TheProcessorIsListedOnce) {
  const DeviceScope scope("cpu:5");
  ASSERT_EQ(config::list_physical_devices("cpu").size(), 1u);
  EXPECT_EQ(config::list_physical_devices("cpu")[0].name, "cpu:0");
}

TEST(Device, EachHasItsOwnAccount) {
  const Device first = device_from_string("cpu:20"), second = device_from_string("cpu:21");
  const std::int64_t before = config::memory_in_use(first);
  {
    const Tensor t(DType::f32, {1000}, second);
    EXPECT_EQ(config::memory_in_use(second), 4000);
    EXPECT_EQ(config::memory_in_use(first), before);
  }
  EXPECT_EQ(config::memory_in_use(second), 0);
  EXPECT_EQ(config::peak_memory_in_use(second), 4000);
}

/// Bytes of this process that are in memory; 0 where the system does not say.
double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// The first byte of a huge page takes all of it: arrays a little larger than one must not take two.
TEST(Storage, TakesNoHugePagesThatItDoesNotFill) {
  constexpr int arrays = 40, bytes = (2 << 20) + 4096;
  const double before = resident_bytes();
  if (before == 0) GTEST_SKIP() << "no /proc/self/statm";
  Tensors kept;
  for (int i = 0; i < arrays; ++i) kept.push_back(full({bytes / 4}, 1.0));
  EXPECT_LT(resident_bytes() - before, 1.4 * arrays * bytes);
}

TEST(Device, EachHasItsOwnLimit) {
  config::set_memory_limit("cpu:22", 1000);
  EXPECT_EQ(config::memory_limit(device_from_string("cpu:22")), 1000);
  EXPECT_EQ(config::memory_limit(device_from_string("cpu:23")), 0);
  const Tensor elsewhere(DType::f32, {1000}, device_from_string("cpu:23"));
  EXPECT_ERROR(Tensor(DType::f32, {1000}, device_from_string("cpu:22")), "[cpu:22] the memory limit of 1000 bytes");
  config::set_memory_limit("cpu:22", 0);
}

TEST(Device, TensorsAreMadeInTheScopeAndCopiedOutOfIt) {
  Tensor t;
  {
    const DeviceScope scope("cpu:1");
    t = Tensor::from<float>({3}, {1, 2, 3});
  }
  EXPECT_EQ(to_string(t.device()), "cpu:1");
  EXPECT_EQ(to_string(t.clone().device()), "cpu:1");
  const Tensor here = t.to(Device{});
  EXPECT_EQ(to_string(here.device()), "cpu:0");
  EXPECT_EQ(here.at<float>(2), 3);
  EXPECT_EQ(here.to(Device{}).raw(), here.raw());
  EXPECT_FALSE(Tensor().to(t.device()).defined());
}

TEST(Device, OpsRunWhereTheirTensorsAre) {
  const Tensor t = Tensor::from<float>({3}, {1, 2, 3}).to(device_from_string("cpu:2"));
  EXPECT_EQ(to_string((t * t).device()), "cpu:2");
  const Tensor shifted = (2.0 - t) * 3;
  EXPECT_EQ(to_string(shifted.device()), "cpu:2");
  EXPECT_EQ(shifted.at<float>(2), -3);
  const DeviceScope scope("cpu:3");
  EXPECT_EQ(to_string(exp(t).device()), "cpu:2");
  EXPECT_EQ(to_string(random::normal({2}).device()), "cpu:3");
}

TEST(Device, TensorsOfSeveralDoNotMix) {
  const Tensor a = zeros({2}), b = a.to(device_from_string("cpu:1"));
  EXPECT_ERROR(a + b, "[add] expected tensors on one device; received f32[2] on cpu:0 and f32[2] on cpu:1");
  EXPECT_ERROR(concatenate({b, a}, 0), "f32[2] on cpu:1 and f32[2] on cpu:0");
}

}  // namespace
}  // namespace strata
