// How busy a device is, beside the memory that it has in use.
#include "models/device_load.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "core/device/cuda.h"
#include "strata/strata.h"
#include "tests/support/own_program.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

/// What an epoch prints.
std::string printed_by_fit(Device device, bool show_memory, const Callbacks& callbacks = {}) {
  const DeviceScope scope(device);
  Model model = Sequential({layers::Input({4}), layers::Dense(3)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  ::testing::internal::CaptureStdout();
  model.fit(ones({8, 4}), ones({8, 3}),
            {.batch_size = 4, .verbose = 2, .callbacks = callbacks, .show_memory = show_memory});
  return ::testing::internal::GetCapturedStdout();
}

TEST(DeviceLoad, OfTheProcessorIsThatSinceTheLookBefore) {
  DeviceLoad load(device_from_string("cpu:3"));
  std::optional<int> percent;
  for (int i = 0; i < 200 && !percent; ++i) {  // the kernel counts hundredths of a second
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    percent = load.percent();
  }
  ASSERT_TRUE(percent.has_value());
  EXPECT_GE(*percent, 0);
  EXPECT_LE(*percent, 100);
}

TEST(DeviceLoad, IsNotShownUnlessAskedFor) {
  const std::string text = printed_by_fit({}, false);
  EXPECT_EQ(text.find("memory: "), std::string::npos) << text;
  EXPECT_EQ(text.find("load: "), std::string::npos) << text;
  EXPECT_NE(printed_by_fit({}, true).find(" - memory: "), std::string::npos);
}

using DeviceLoadFiles = testing::TemporaryFolder;

TEST_F(DeviceLoadFiles, OfAGpuIsInTheProgressLineAndInTensorBoard) {
  if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << config::why_no_gpu();
  if (!has_emulated_gpu) GTEST_SKIP() << "a real GPU is as busy as it is";
  const std::string stub = (testing::own_program().parent_path() / "stubs/good").string();
  ::setenv("STRATA_CUDA_LIBRARIES", stub.c_str(), 1);  // where NVML says 41
  const std::string text =
      printed_by_fit({DeviceKind::gpu, 0}, true, {callbacks::TensorBoard(folder_.string(), {.write_memory = true})});
  EXPECT_EQ(DeviceLoad({DeviceKind::gpu, 0}).percent(), 41);
  ::unsetenv("STRATA_CUDA_LIBRARIES");
  EXPECT_NE(text.find(" - load: 41%"), std::string::npos) << text;
  std::ifstream file(std::filesystem::directory_iterator(folder_ / "train")->path(), std::ios::binary);
  const std::string events{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(events.find("epoch_load"), std::string::npos);
}

}  // namespace
}  // namespace strata
