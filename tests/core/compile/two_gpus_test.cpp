// Steps on several GPUs at a time.
#include <thread>

#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {
using namespace testing;

/// Each step reads an input that lies on the other's GPU, which wants that GPU for itself. Should a step hold its own
/// one meanwhile, this would never end.
TEST(TwoGpus, StepsReadEachOthersArrays) {
  if (config::list_physical_devices("gpu").size() < 2) GTEST_SKIP() << "this machine has no two GPUs";
  std::vector<std::thread> threads;
  for (const int own : {0, 1})
    threads.emplace_back([own] {
      const Device mine{DeviceKind::gpu, own}, other{DeviceKind::gpu, 1 - own};
      const Tensor there = counted({100}, 3).to(other), here = counted({100}, 1).to(mine);
      const Value x = placeholder({100}), y = placeholder({100});
      PlanOptions options;
      options.device = mine;
      const Function add({x, y}, {x + y}, {}, options);
      for (int i = 0; i < 1000; ++i) {
        const Tensor sum = add({there, here})[0];
        ASSERT_EQ(sum.device(), mine);
        if (i % 250 == 0) {
          EXPECT_EQ(sum.at<float>(99), 202.0f);
        }
      }
    });
  for (std::thread& t : threads) t.join();
}

}  // namespace
}  // namespace strata
