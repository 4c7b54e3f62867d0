#include "core/compile/step_timer.h"

#include <gtest/gtest.h>
#include <strata/strata.h>

#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {

/// The processor under two names, and a GPU where there is one.
std::vector<Device> devices() {
  std::vector<Device> all{device_from_string("cpu:0"), device_from_string("cpu:1")};
  if (!config::list_physical_devices("gpu").empty()) all.push_back(device_from_string("gpu:0"));
  return all;
}

class StepTimerOn : public ::testing::TestWithParam<Device> {};

TEST_P(StepTimerOn, HasAMarkBeforeTheFirstStepAndOneAfterEach) {
  const Value x = placeholder({64, 64});
  const PlanOptions options{.fuse = false, .device = GetParam()};
  const auto plan = Plan::compile({x}, lower({sum(exp(matmul(x, x)) + 1.0)}, {}), options);
  Executable step(plan, std::make_shared<ArenaPool>());
  const Tensor input = ones({64, 64});
  const auto timer = make_step_timer(GetParam(), plan->steps().size());
  const float plain = step.run({input})[0].item<float>();
  for (int run = 0; run < 3; ++run) {
    EXPECT_EQ(step.run({input}, timer.get())[0].item<float>(), plain);
    const std::vector<double> seconds = timer->take();
    ASSERT_EQ(seconds.size(), plan->steps().size() + 1);
    EXPECT_EQ(seconds[0], 0);
    for (std::size_t i = 1; i < seconds.size(); ++i) EXPECT_GE(seconds[i], seconds[i - 1]);
  }
  EXPECT_EQ(step.run({input})[0].item<float>(), plain);
}

INSTANTIATE_TEST_SUITE_P(Devices, StepTimerOn, ::testing::ValuesIn(devices()), [](const auto& device) {
  std::string name = to_string(device.param);
  name[3] = '_';
  return name;
});

}  // namespace
}  // namespace strata
