// Steps of replicas on two GPUs, by NCCL and through the processor's memory.
#include "core/device/cuda_build.h"
#include "core/device/cuda_emulated.h"
#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"
#include "distributed/exchange.h"
#include "distributed/mirrors.h"
#include "distributed/replicas.h"
#include "tests/core/compile/compile_testing.h"
#include "tests/support/emulated_nccl.h"
#include "tests/support/messages.h"

namespace strata::distribute {
namespace {
using namespace strata::testing;

class TwoGpus : public ::testing::TestWithParam<Communication> {
 protected:
  static void SetUpTestSuite() { name_emulated_nccl(); }
  void SetUp() override {
    if (config::list_physical_devices("gpu").size() < 2) GTEST_SKIP() << "this machine has no two GPUs";
    if (GetParam() != Communication::nccl) return;
    const std::string why_not = why_no_nccl({{DeviceKind::gpu, 0}, {DeviceKind::gpu, 1}});
    if (has_emulated_gpu)
      ASSERT_EQ(why_not, "");
    else if (!why_not.empty())
      GTEST_SKIP() << why_not;
  }
};

/// `total` grows by a weighted sum over all samples.
struct Step {
  explicit Step(Communication communication, std::int64_t samples = 6)
      : replicas(MirroredStrategy({"gpu:0", "gpu:1"}, {.timeout_seconds = 60, .communication = communication})) {
    const DeviceScope first("gpu:0");
    total = Variable("total", zeros({2}));
    std::vector<Replicas::Part> parts;
    for (const Replication& share : replicas.shares(samples)) {
      const ReplicationScope scope(share);
      const Value x = placeholder({share.samples});
      const Value mean_of_all = all_reduce(sum(x) / static_cast<double>(samples));
      const Value deferred = all_reduce(sum(square(x - mean_of_all)), true);
      parts.push_back(
          {{x}, {{x * mean_of_all}, {{total, Value(total) + deferred * constant(floats({2}, {1, -1}))}}}, share});
    }
    compiled = replicas.compile(parts, {}, {}, std::make_shared<ArenaPool>());
  }

  void run() {
    const auto outputs = replicas.run(compiled, {{floats({3}, {1, 2, 3})}, {floats({3}, {4, 5, 6})}});
    EXPECT_EQ(numbers(outputs[1][0].to(Device{})), (std::vector<float>{14, 17.5, 21}));
  }

  std::vector<float> total_of(std::size_t replica) const {
    return numbers(compiled.mirrors[0]->of(replica).value().to(Device{}));
  }

  Replicas replicas;
  Variable total;
  Replicas::Step compiled;
};

TEST_P(TwoGpus, AStepIsThatOfOneDeviceFirstRecordedAndReplayed) {
  Step step(GetParam());
  for (int repetition = 1; repetition <= 4; ++repetition) {
    step.run();
    const float sum = 17.5f * static_cast<float>(repetition);
    EXPECT_EQ(step.total_of(0), (std::vector<float>{sum, -sum}));
    EXPECT_EQ(step.total_of(1), step.total_of(0));
  }
}

TEST_P(TwoGpus, OnlyNcclLeavesARecordingWhole) {
  if (!has_emulated_gpu) GTEST_SKIP() << "calls are counted where the GPU is emulated";
  Step step(GetParam());
  step.run();
  step.run();
  if constexpr (has_emulated_gpu) {
    const auto launches = [] { return cuda::emulated_calls().graph_launches; };
    const std::size_t before = launches();
    step.run();
    if (GetParam() == Communication::nccl)
      EXPECT_EQ(launches() - before, 2u) << "one for each replica";
    else
      EXPECT_GT(launches() - before, 2u) << "cut at each exchange";
  }
}

/// Sums that are exchanged while a product is formed, the first a bucket by itself, for its size: what the variables
/// hold after some steps.
std::vector<std::vector<float>> trained_beside_products(Communication communication, bool overlap) {
  constexpr std::int64_t side = 530, columns = 16;
  const std::vector<std::vector<Tensor>> inputs{{counted({side, side}, 0, 1e-6f)}, {counted({side, side}, 1, -1e-6f)}};
  const DeviceScope first("gpu:0");
  Replicas replicas(MirroredStrategy({"gpu:0", "gpu:1"}, {.timeout_seconds = 60, .communication = communication}));
  const Variable a("a", zeros({side, side})), b("b", ones({side, columns}));
  std::vector<Replicas::Part> parts;
  for (const Replication& share : replicas.shares(2)) {
    const ReplicationScope scope(share);
    const Value x = placeholder({side, side}), early = all_reduce(x * 2.0, true);
    const Value product = matmul(x, Value(b)) * 1e-3, late = all_reduce(product, true);
    parts.push_back({{x}, {{product}, {{a, Value(a) * 0.5 + early}, {b, Value(b) + late}}}, share});
  }
  const auto step = replicas.compile(parts, {}, {.overlap = overlap}, std::make_shared<ArenaPool>());
  for (const auto& part : step.parts)
    EXPECT_EQ(part->plan().overlaps(), overlap && communication == Communication::nccl) << part->plan().dump();
  for (int run = 0; run < 5; ++run) replicas.run(step, inputs);
  std::vector<std::vector<float>> all;
  for (const auto& mirror : step.mirrors)
    for (const std::size_t r : {0, 1}) all.push_back(numbers(mirror->of(r).value().to(Device{})));
  return all;
}

TEST_P(TwoGpus, ExchangesBesideKernelsGiveTheSameBitsFirstRecordedAndReplayed) {
  const auto beside = trained_beside_products(GetParam(), true), in_turn = trained_beside_products(GetParam(), false);
  EXPECT_EQ(beside, in_turn);
  EXPECT_EQ(beside[0], beside[1]);
  EXPECT_GT(beside[2].back(), 0);
}

TEST_P(TwoGpus, WhatAVariableIsSetToReachesAllAndARecordingStaysOrIsMadeAnew) {
  Step step(GetParam());
  for (int k = 0; k < 3; ++k) step.run();
  const DeviceScope first("gpu:0");
  step.total.assign(Tensor::from<float>({2}, {100, 200}));
  step.run();
  EXPECT_EQ(step.total_of(0), (std::vector<float>{117.5, 182.5}));
  EXPECT_EQ(step.total_of(1), step.total_of(0));
}

INSTANTIATE_TEST_SUITE_P(Communications, TwoGpus, ::testing::Values(Communication::nccl, Communication::host),
                         [](const auto& way) { return way.param == Communication::nccl ? "Nccl" : "Host"; });

TEST(TwoGpusFaults, AnErrorOfNcclEndsTheStepAndTheNextOneStartsAfresh) {
  name_emulated_nccl();
  if (!has_emulated_gpu || config::list_physical_devices("gpu").size() < 2) GTEST_SKIP() << "a fault of the stand-in's";
  Step step(Communication::nccl);
  for (int k = 0; k < 3; ++k) step.run();
  for (int repetition = 0; repetition < 3; ++repetition) {
    {
      const Told told("NCCL_CALLS_BEFORE_ERROR", 7);  // in the middle of the fourth step
      const std::string message = message_of([&] { step.run(); });
      EXPECT_NE(message.find("of 2 (gpu:"), std::string::npos) << message;
      EXPECT_NE(message.find("all_reduce (sum of "), std::string::npos) << message;
      EXPECT_EQ(message.find("[rank", 1), std::string::npos) << "named once: " << message;
    }
    step.total.assign(zeros({2}).to({DeviceKind::gpu, 0}));
    for (int k = 1; k <= 3; ++k) {
      step.run();
      EXPECT_EQ(step.total_of(1)[0], 17.5f * static_cast<float>(k));
    }
  }
}

}  // namespace
}  // namespace strata::distribute
