// GPUs without NCCL.
#include "distributed/exchange.h"

#include "core/device/cuda_build.h"
#include "tests/support/messages.h"

namespace strata::distribute {
namespace {

TEST(Exchange, NcclIsForGpus) {
  EXPECT_ERROR(MirroredStrategy({"cpu:0", "cpu:1"}, {.communication = Communication::nccl}),
               "[MirroredStrategy] cannot exchange by NCCL: it joins GPUs, and the first device is cpu:0");
  const Exchange two(MirroredStrategy({"cpu:0", "cpu:1"}), 2);
  EXPECT_EQ(two.gpu_communicator(0), nullptr);
  EXPECT_NE(two.communicator(1), nullptr);
}

TEST(Exchange, WithoutNcclGpusExchangeThroughTheProcessorsMemoryWhichIsSaidOnce) {
  ::unsetenv("STRATA_EMULATED_NCCL");
  if (!has_emulated_gpu || config::list_physical_devices("gpu").size() < 2) GTEST_SKIP() << "wants two emulated GPUs";
  ::testing::internal::CaptureStderr();
  for (int k = 0; k < 2; ++k) {
    const Exchange two(MirroredStrategy({"gpu:0", "gpu:1"}), 2);
    EXPECT_EQ(two.gpu_communicator(1), nullptr);
  }
  const std::string said = ::testing::internal::GetCapturedStderr();
  const std::string line =
      "strata: replicas on GPUs exchange through the processor's memory: NCCL (libnccl.so.2) was not found; looked "
      "for: ";
  EXPECT_EQ(said.find(line), 0u) << said;
  EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
  EXPECT_ERROR(MirroredStrategy({"gpu:0", "gpu:1"}, {.communication = Communication::nccl}),
               "[MirroredStrategy] cannot exchange by NCCL: NCCL (libnccl.so.2) was not found");
}

}  // namespace
}  // namespace strata::distribute
