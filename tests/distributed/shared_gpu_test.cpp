// Two replicas on one GPU, which is two devices by STRATA_LOGICAL_GPUS.
#include <stdlib.h>

#include "core/device/cuda_build.h"
#include "core/device/cuda_runtime.h"
#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"
#include "distributed/exchange.h"
#include "distributed/replicas.h"
#include "tests/core/compile/compile_testing.h"
#include "tests/support/emulated_nccl.h"
#include "tests/support/messages.h"

namespace strata::distribute {
namespace {
using namespace strata::testing;

class SharedGpu : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ::setenv("STRATA_LOGICAL_GPUS", "2", 1);  // before the GPUs are counted
    ::setenv("STUB_NCCL_VERSION", "23007", 1);
    name_emulated_nccl();
  }
  static void TearDownTestSuite() {
    ::unsetenv("STRATA_LOGICAL_GPUS");
    ::unsetenv("STUB_NCCL_VERSION");
    ::unsetenv("NCCL_MULTI_RANK_GPU_ENABLE");
  }
  void SetUp() override {
    if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << "this machine has no GPU";
    if (cuda::device_count() < 2 || cuda::properties(0).bus != cuda::properties(1).bus)
      GTEST_SKIP() << "the GPUs were counted before this test: it wants a process of its own";
  }
  static std::string why_not() { return why_no_nccl({{DeviceKind::gpu, 0}, {DeviceKind::gpu, 1}}); }

  /// Sums over both replicas, first, recorded and replayed.
  static void expect_sums(Communication communication) {
    Replicas replicas(MirroredStrategy({"gpu:0", "gpu:1"}, {.timeout_seconds = 60, .communication = communication}));
    std::vector<Replicas::Part> parts;
    for (const Replication& share : replicas.shares(2)) {
      const ReplicationScope scope(share);
      const Value x = placeholder({3});
      parts.push_back({{x}, {{all_reduce(square(x))}, {}}, share});
    }
    const auto step = replicas.compile(parts, {}, {}, std::make_shared<ArenaPool>());
    for (int repetition = 0; repetition < 3; ++repetition)
      for (const Tensors& out : replicas.run(step, {{floats({3}, {1, 2, 3})}, {floats({3}, {4, 5, 6})}}))
        EXPECT_EQ(numbers(out[0].to(Device{})), (std::vector<float>{17, 29, 45}));
  }
};

TEST_F(SharedGpu, IsSeveralDevicesWithMemoryOfTheirOwn) {
  const Tensor a = ones({4}).to({DeviceKind::gpu, 0}), b = a.to({DeviceKind::gpu, 1});
  EXPECT_EQ(b.device(), (Device{DeviceKind::gpu, 1}));
  EXPECT_ERROR(a + b, "gpu:1");
  EXPECT_EQ(numbers(b.to(Device{})), (std::vector<float>{1, 1, 1, 1}));
}

TEST_F(SharedGpu, ReplicasExchangeThroughTheProcessorsMemoryUnlessNcclMayShareIt) {
  ::unsetenv("NCCL_MULTI_RANK_GPU_ENABLE");
  expect_sums(Communication::host);
  if (!has_emulated_gpu) return;
  EXPECT_NE(why_not().find("ranks 0 and 1 share the GPU at "), std::string::npos) << why_not();
  EXPECT_ERROR(MirroredStrategy({"gpu:0", "gpu:1"}, {.communication = Communication::nccl}), "set that variable");
}

TEST_F(SharedGpu, NcclJoinsItsReplicasWhereItMay) {
  ::setenv("NCCL_MULTI_RANK_GPU_ENABLE", "1", 1);
  if (!why_not().empty()) GTEST_SKIP() << why_not();
  expect_sums(Communication::nccl);
}

}  // namespace
}  // namespace strata::distribute
