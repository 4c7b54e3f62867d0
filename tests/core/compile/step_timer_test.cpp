#include "core/compile/step_timer.h"

#include <gtest/gtest.h>
#include <strata/strata.h>

#include "core/kernels/onednn.h"
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
    const StepTimes times = timer->take();
    const std::vector<double>& seconds = times.marks;
    ASSERT_EQ(times.reorders.size(), plan->steps().size());
    for (const Reorders& r : times.reorders) EXPECT_EQ(r.count, 0);
    ASSERT_EQ(seconds.size(), plan->steps().size() + 1);
    EXPECT_EQ(seconds[0], 0);
    for (std::size_t i = 1; i < seconds.size(); ++i) EXPECT_GE(seconds[i], seconds[i - 1]);
  }
  EXPECT_EQ(step.run({input})[0].item<float>(), plain);
}

// The kernel goes into oneDNN's layout for the result and for the image's gradient, and its own gradient comes out of
// it, once for each thread; images stay as they are.
TEST(StepTimer, CountsWhatConvolutionsReorder) {
  const int before = config::num_threads();
  config::set_num_threads(2);
  const Value x = placeholder({4, 32, 32, 8}), w = placeholder({5, 5, 8, 16}), y = conv2d(x, w);
  const Values g = gradients(sum(y * y), {x, w});
  const auto plan = Plan::compile({x, w}, lower({y, g[0], g[1]}, {}));
  Executable step(plan, std::make_shared<ArenaPool>());
  const auto timer = make_step_timer(Device{}, plan->steps().size());
  const bool reorders = kernels::onednn::available();
  for (int run = 0; run < 2; ++run) {
    step.run({ones({4, 32, 32, 8}), ones({5, 5, 8, 16})}, timer.get());
    const StepTimes times = timer->take();
    int convolutions = 0;
    for (std::size_t i = 0; i < plan->steps().size(); ++i) {
      const PlanStep& s = plan->steps()[i];
      const Reorders& r = times.reorders[i];
      convolutions += s.flops > 0 ? 1 : 0;
      const int expected = !reorders || s.flops == 0 ? 0 : s.op == "conv2d_weight_gradient" ? 2 : 1;
      EXPECT_EQ(r.count, expected) << s.op;
      const std::int64_t kernel_bytes = 5 * 5 * 8 * 16 * 4;
      EXPECT_GE(r.bytes, expected * 2 * kernel_bytes) << s.op;  // layouts may be padded
      EXPECT_LE(r.bytes, expected * 3 * kernel_bytes) << s.op;
      EXPECT_EQ(r.seconds > 0, expected > 0) << s.op;
    }
    EXPECT_EQ(convolutions, 3);
  }
  config::set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Devices, StepTimerOn, ::testing::ValuesIn(devices()), [](const auto& device) {
  std::string name = to_string(device.param);
  name[3] = '_';
  return name;
});

}  // namespace
}  // namespace strata
