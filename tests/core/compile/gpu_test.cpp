// Plans on a GPU: what is recorded, what travels, what waits. With the emulated GPU also how often.
#include <thread>

#include "core/device/cuda_emulated.h"
#include "core/ops/matmul.h"
#include "tests/core/compile/compile_testing.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace testing;

template <class F>
void expect_error(F&& f, const std::vector<std::string>& parts) {
  const std::string said = message_of(f);
  for (const std::string& part : parts) EXPECT_NE(said.find(part), std::string::npos) << said << "\nlacks: " << part;
}

const Device gpu{DeviceKind::gpu, 0};

class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << config::why_no_gpu();
  }
};

PlanOptions options(bool record = true) {
  PlanOptions o;
  o.record = record;
  o.device = gpu;
  return o;
}

/// A user's op that knows only the processor.
struct OnlyHere {
  static constexpr std::string_view name = "only_here";
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node&, Value g) const { return {g}; }
  void run(Cpu&, Buffers io) const {
    for (std::size_t i = 0; i < io.in<float>(0).size(); ++i) io.out<float>(0)[i] = io.in<float>(0)[i] + 1;
  }
};

Variable on_gpu(const std::string& name, const Tensor& value) {
  const DeviceScope scope(gpu);
  return Variable(name, value);
}

TEST_F(OnGpu, TensorsMove) {
  const Tensor here = floats({2, 2}, {1, 2, 3, 4}), there = here.to("gpu:0");
  EXPECT_EQ(there.device(), gpu);
  EXPECT_EQ(there.to(gpu).raw(), there.raw());
  EXPECT_EQ(there.at<float>(2), 3.0f);
  EXPECT_EQ(to_string(there), to_string(here));
  EXPECT_EQ(numbers(there.rows(1, 2).on_host()), (std::vector<float>{3, 4}));
  EXPECT_EQ(numbers(there.clone().on_host()), numbers(here));
  Tensor target = there.clone();
  target.copy_from(floats({2, 2}, {5, 6, 7, 8}));
  EXPECT_EQ(numbers(target.on_host()), (std::vector<float>{5, 6, 7, 8}));
  EXPECT_EQ(numbers(there.on_host()), numbers(here));
  const DeviceScope scope("gpu:0");
  EXPECT_EQ(Tensor::scalar(1.0f).device(), gpu);
  EXPECT_EQ(Tensor::from<bool>({1}, std::vector<bool>{true}).device(), gpu);
  EXPECT_EQ((here + 1.0f).device(), Device{}) << "functions run where their tensors are";
}

TEST_F(OnGpu, MemoryThatCannotBeReadSaysSo) {
  Tensor there = floats({2}, {1, 2}).to(gpu);
  expect_error([&] { (void)there.data<float>(); }, {"f32[2] lies on gpu:0", "on_host()"});
  expect_error([&] { (void)there.mutable_data<float>(); }, {"lies on gpu:0"});
  expect_error(
      [&] {
        (void)(there + floats({2}, {1, 2}));
      },
      {"expected tensors on one device", "gpu:0", "cpu:0", "to()"});
}

TEST_F(OnGpu, VariablesStayWhereTheyAreMade) {
  const Variable here("here", floats({2}, {1, 2}));
  const Value x = placeholder({2});
  expect_error([&] { Function({x}, {x + here}, {}, options()); },
               {"variable 'here'", "lies on cpu:0", "gpu:0", "DeviceScope"});
  const Variable there = on_gpu("there", floats({2}, {1, 2}));
  EXPECT_EQ(there.value().device(), gpu);
  expect_error([&] { Function({x}, {x + there}); }, {"variable 'there'", "lies on gpu:0", "cpu:0"});
}

TEST_F(OnGpu, RecordedAndUnrecordedStepsAreEqualBitForBit) {
  const auto train = [](bool record) {
    const Variable w = on_gpu("w", floats({2, 2}, {1, 2, 3, 4})), count = on_gpu("count", floats({}, {0}));
    const Value x = placeholder({3, 2});
    const Value loss = mean(square(matmul(x, w) - 1.0));
    const Function step({x}, {loss}, {{w, w - gradients(loss, {Value(w)})[0] * 0.01}, {count, count + 1.0}},
                        options(record));
    std::vector<float> losses;
    for (int i = 0; i < 6; ++i) {
      const auto f = static_cast<float>(i);
      losses.push_back(step({floats({3, 2}, {f, 1, 2, f, -1, 3})})[0].item<float>());
    }
    EXPECT_EQ(count.value().item<float>(), 6.0f);
    losses.push_back(w.value().at<float>(3));
    return losses;
  };
  EXPECT_EQ(train(true), train(false));
}

TEST_F(OnGpu, BatchesOverlapWithoutMixing) {
  const Variable total = on_gpu("total", zeros({4}));
  const Value x = placeholder({4});
  const Function add({x}, {}, {{total, total + x}}, options());
  for (int i = 1; i <= 50; ++i) {
    Tensor batch = full({4}, i);
    add({batch});
    batch.copy_from(full({4}, 1e6));  // the caller's memory is free again at once
  }
  EXPECT_EQ(total.value().at<float>(0), 50.0f * 51 / 2);
}

TEST_F(OnGpu, OutputsOutliveTheNextCall) {
  const Value x = placeholder({2});
  const Function f({x}, {x * 2.0, x}, {}, options());
  Tensors all;
  for (int i = 0; i < 4; ++i)
    for (const Tensor& t : f({full({2}, i)})) all.push_back(t);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(2 * i)].at<float>(0), 2.0f * static_cast<float>(i));
    EXPECT_EQ(all[static_cast<std::size_t>(2 * i + 1)].at<float>(1), static_cast<float>(i));
  }
  EXPECT_EQ(all[0].device(), gpu);
}

TEST_F(OnGpu, AnOpWithoutAKernelRunsOnTheProcessorAndSaysSoOnce) {
  const Value x = placeholder({3});
  ::testing::internal::CaptureStderr();
  const Function f({x}, {exp(apply(OnlyHere{}, exp(x)))}, {}, options());
  const Function again({x}, {apply(OnlyHere{}, x)}, {}, options());
  log_placement(f.plan());
  const std::string said = ::testing::internal::GetCapturedStderr();
  const auto first = said.find("only_here has no kernel for a GPU (f32[3])");
  EXPECT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("has no kernel", first + 20), std::string::npos) << said;
  EXPECT_NE(said.find("placement: only_here on cpu:0"), std::string::npos) << said;
  EXPECT_NE(said.find("placement: exp on gpu:0"), std::string::npos) << said;
  const Function here({x}, {exp(apply(OnlyHere{}, exp(x)))});
  for (int i = 0; i < 3; ++i)
    EXPECT_NEAR(f({full({3}, i)})[0].at<float>(1), here({full({3}, i)})[0].at<float>(1), 1e-3f);
}

TEST_F(OnGpu, CheckNumericsNamesTheOp) {
  const Value x = placeholder({3});
  PlanOptions o = options();
  o.check_numerics = true;
  o.fuse = false;
  const Function f({x}, {log(x) + 1.0}, {}, o);
  EXPECT_EQ(f({ones({3})})[0].at<float>(0), 1.0f);
  expect_error([&] { f({zeros({3})}); }, {"log", "produced NaN or infinity"});
}

TEST_F(OnGpu, LimitsAreTheDevicesOwn) {
  config::set_memory_limit("gpu:0", config::memory_in_use(gpu) + (1 << 20));
  expect_error([&] { Tensor(DType::f32, {1 << 20}, gpu); }, {"gpu:0", "memory limit"});
  EXPECT_NO_THROW(Tensor(DType::f32, {1 << 20}, Device{}));
  const Value x = placeholder({1 << 19});
  expect_error([&] { Function({x}, {x * 2.0}, {}, options()); }, {"gpu:0", "a step needs", "memory limit"});
  config::set_memory_limit("gpu:0", 0);
}

TEST_F(OnGpu, SwitchesReachTheKernelsOfLaterPlans) {
  const auto target = [] { return Cuda::of(0).target(); };
  EXPECT_FALSE(target().tensor_float_32 || target().measure_convolutions);
  config::enable_tensor_float_32();
  config::enable_convolution_measuring();
  EXPECT_TRUE(target().tensor_float_32 && target().measure_convolutions);
  config::enable_tensor_float_32(false);
  config::enable_convolution_measuring(false);
  EXPECT_FALSE(target().tensor_float_32 || target().measure_convolutions);
}

TEST_F(OnGpu, ThreadsShareTheDevice) {
  const Value x = placeholder({64, 64});
  const Function f({x}, {matmul(x, x)}, {}, options());
  const auto expected = [](int i) { return 64.0f * static_cast<float>(i * i); };
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) EXPECT_EQ(f({full({64, 64}, t + i)})[0].at<float>(7), expected(t + i));
    });
}

TEST_F(OnGpu, AReplayedStepNeitherAllocatesNorWaits) {
  if constexpr (has_emulated_gpu) {
    const Variable w = on_gpu("w", zeros({8}));
    const Value x = placeholder({8});
    const Function step({x}, {}, {{w, w * 0.5 + x}}, options());
    const Tensor batch = ones({8});
    for (int i = 0; i < 3; ++i) step({batch});
    const cuda::EmulatedCalls before = cuda::emulated_calls();
    for (int i = 0; i < 10; ++i) step({batch});
    const cuda::EmulatedCalls after = cuda::emulated_calls();
    EXPECT_EQ(after.graph_launches - before.graph_launches, 10u);
    EXPECT_EQ(after.allocations, before.allocations);
    EXPECT_EQ(after.synchronizations, before.synchronizations);
  } else {
    GTEST_SKIP() << "only the emulated GPU counts its calls";
  }
}

TEST_F(OnGpu, NoMemoryLeftNamesWhatIsFree) {
  if constexpr (has_emulated_gpu) {
    cuda::set_emulated_memory(static_cast<std::size_t>(config::memory_in_use(gpu)) + (1 << 20));
    expect_error([&] { Tensor(DType::f32, {1 << 20}, gpu); },
                 {"gpu:0", "has no 4194304 bytes of memory left to give", "are free"});
    cuda::set_emulated_memory(std::size_t{1} << 30);
  } else {
    GTEST_SKIP() << "a real GPU is not filled up here";
  }
}

}  // namespace
}  // namespace strata
