#include "distributed/strategy.h"

#include <thread>

#include "core/device/tensor.h"
#include "tests/support/messages.h"

namespace strata::distribute {
namespace {

TEST(Strategy, HasAReplicaOnEachDevice) {
  const MirroredStrategy two({"cpu:0", "/CPU:3"});
  EXPECT_EQ(two.num_replicas_in_sync(), 2);
  EXPECT_EQ(two.describe(), "MirroredStrategy(cpu:0, cpu:3)");
  const OneDeviceStrategy one("cpu:1");
  EXPECT_EQ(one.num_replicas_in_sync(), 1);
  EXPECT_EQ(one.describe(), "OneDeviceStrategy(cpu:1)");
}

TEST(Strategy, TheScopeIsWhereThingsAreMade) {
  EXPECT_EQ(current_strategy(), nullptr);
  {
    const auto scope = MirroredStrategy({"cpu:2", "cpu:3"}).scope();  // the scope keeps the strategy
    ASSERT_NE(current_strategy(), nullptr);
    EXPECT_EQ(current_strategy()->describe(), "MirroredStrategy(cpu:2, cpu:3)");
    EXPECT_EQ(Tensor(DType::f32, {1}).device(), (Device{DeviceKind::cpu, 2}));
    std::thread([] { EXPECT_EQ(current_strategy(), nullptr) << "a scope is of its thread"; }).join();
  }
  EXPECT_EQ(current_strategy(), nullptr);
  EXPECT_EQ(current_device(), Device{});
}

TEST(Strategy, ScopesDoNotNest) {
  const MirroredStrategy outer({"cpu:0", "cpu:1"});
  const OneDeviceStrategy inner("cpu:5");
  const auto scope = outer.scope();
  EXPECT_ERROR(
      inner.scope(),
      "[scope] of OneDeviceStrategy(cpu:5) within that of MirroredStrategy(cpu:0, cpu:1): strategies do not nest");
  EXPECT_ERROR(outer.scope(), "do not nest");
  EXPECT_EQ(*current_strategy(), outer);
  EXPECT_EQ(current_device(), Device{}) << "the refused scope left its device";
}

TEST(Strategy, DevicesThatCannotBe) {
  EXPECT_ERROR(MirroredStrategy({"cpu:0", "cpu:0"}), "expected each device once; received 'cpu:0' twice");
  EXPECT_ERROR(MirroredStrategy({"cpu", "gpu:17"}), "expected one of the devices here (cpu:0");
  EXPECT_ERROR(MultiWorkerMirroredStrategy({"gpu:17"}), "expected one of the devices here (cpu:0");
  EXPECT_ERROR(OneDeviceStrategy("gpu:17"), "received 'gpu:17'");
  EXPECT_ERROR(MirroredStrategy({"tpu:0"}), "[device] expected a name such as 'gpu:0'");
  EXPECT_ERROR(MirroredStrategy({"cpu:0"}, {.timeout_seconds = 0}), "a positive timeout_seconds");
  if (config::list_physical_devices("gpu").empty()) {
    EXPECT_ERROR(MirroredStrategy(), "there is no GPU here");
    EXPECT_ERROR(MirroredStrategy(), "are named: {\"cpu:0\", \"cpu:1\"}");
  } else {
    EXPECT_EQ(MirroredStrategy().devices()[0].kind, DeviceKind::gpu);
    EXPECT_ERROR(MirroredStrategy({"cpu:0", "gpu:0"}), "expected devices of one kind");
  }
}

}  // namespace
}  // namespace strata::distribute
