// Copies between GPUs.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include <thread>
#include <vector>

namespace strata {
namespace {

class TwoGpus : public ::testing::Test {
 protected:
  void SetUp() override {
    if (config::list_physical_devices("gpu").size() < 2) GTEST_SKIP() << "this machine has no two GPUs";
  }
};

Tensor counted(float first) {
  Tensor t(DType::f32, {100});
  for (float& x : t.mutable_data<float>()) x = first++;
  return t;
}

TEST_F(TwoGpus, TensorsMoveFromOneToTheOther) {
  const Tensor here = counted(1), there = here.to("gpu:0").to("gpu:1");
  EXPECT_EQ(to_string(there.device()), "gpu:1");
  EXPECT_EQ(there.at<float>(99), 100.0f);
  Tensor back = counted(5).to("gpu:0");
  back.copy_from(there);
  EXPECT_EQ(to_string(back.device()), "gpu:0");
  EXPECT_EQ(back.at<float>(0), 1.0f);
}

TEST_F(TwoGpus, EachHasItsOwnAccount) {
  const Device first = device_from_string("gpu:0"), second = device_from_string("gpu:1");
  const std::int64_t before = config::memory_in_use(first), free = config::free_memory(first);
  const Tensor t(DType::f32, {1000}, second);
  EXPECT_EQ(config::memory_in_use(second), 4000);
  EXPECT_EQ(config::memory_in_use(first), before);
  EXPECT_EQ(config::free_memory(first), free);
}

/// Each copy wants both devices for itself. Should it take them in the order of its direction, this would never end.
TEST_F(TwoGpus, CopiesInBothDirectionsAtATime) {
  std::vector<std::thread> threads;
  for (const auto& [from, to] : {std::pair{"gpu:0", "gpu:1"}, std::pair{"gpu:1", "gpu:0"}})
    threads.emplace_back([from = from, to = to] {
      const Tensor source = counted(3).to(from);
      Tensor target = counted(0).to(to);
      for (int i = 0; i < 2000; ++i) target.copy_from(source);
      EXPECT_EQ(target.at<float>(99), 102.0f);
    });
  for (std::thread& t : threads) t.join();
}

}  // namespace
}  // namespace strata
