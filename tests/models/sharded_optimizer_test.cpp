// StrategyOptions::shard_optimizer_state against the same strategy without, and against one device.
#include <functional>
#include <optional>

#include "tests/models/mirrored_samples.h"
#include "tests/support/emulated_nccl.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

using testing::expect_near, testing::flat, testing::Samples;

std::vector<std::string> names(const std::string& kind, int count) {
  std::vector<std::string> all;
  for (int r = 0; r < count; ++r) all.push_back(kind + ":" + std::to_string(r));
  return all;
}

/// The scope of so many replicas; of none: no strategy.
struct Devices {
  Devices(int replicas, bool sharded, const std::string& kind = "cpu") {
    if (replicas > 0)
      scope.emplace(distribute::MirroredStrategy(names(kind, replicas),
                                                 {.timeout_seconds = 60, .shard_optimizer_state = sharded}));
    reset_names();
    utils::set_random_seed(7);
  }
  std::optional<distribute::StrategyScope> scope;
};

Sequential network(const Optimizer& optimizer) {
  Sequential model({layers::Input({6}), layers::Dense(8, {.activation = "tanh"}), layers::BatchNormalization(),
                    layers::Dense(16, {.activation = "tanh"}), layers::Dropout(0.1), layers::Dense(3)});
  model.compile({.optimizer = optimizer, .loss = "mse", .metrics = {"mae"}});
  return model;
}

std::vector<double> state_of(const Optimizer& optimizer) {
  std::vector<double> all;
  for (const Variable& v : optimizer.variables()) {
    const auto more = flat({v.value().on_host()});
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

struct Trained {
  std::vector<double> losses, weights, state;
};

/// Two epochs of 22 samples in batches of 7, of which the last has one sample.
Trained train(const std::function<Optimizer()>& optimizer, int replicas, bool sharded,
              const std::string& kind = "cpu") {
  const Samples data(22);
  const Devices devices(replicas, sharded, kind);
  Sequential model = network(optimizer());
  Trained run;
  run.losses = model.fit(data.x, data.y, {.batch_size = 7, .epochs = 2, .verbose = 0, .shuffle = false})["loss"];
  run.weights = flat(model.get_weights());
  run.state = state_of(model.optimizer());
  return run;
}

class Sharded : public ::testing::TestWithParam<std::pair<const char*, Optimizer (*)()>> {};

TEST_P(Sharded, NumbersAreThoseOfEveryReplicaUpdatingAll) {
  for (const int replicas : {1, 2, 4}) {
    SCOPED_TRACE(replicas);
    const Trained whole = train(GetParam().second, replicas, false), divided = train(GetParam().second, replicas, true);
    expect_near(divided.losses, whole.losses, 1e-6);
    expect_near(divided.weights, whole.weights, 1e-5);
    expect_near(divided.state, whole.state, 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Optimizers, Sharded,
    ::testing::Values(
        std::pair{"Adam", +[] { return Optimizer(optimizers::Adam({.learning_rate = 0.01})); }},
        std::pair{"AdamClippedTogether",
                  +[] { return Optimizer(optimizers::Adam({.learning_rate = 0.01, .global_clipnorm = 0.1})); }},
        std::pair{"Momentum", +[] { return Optimizer(optimizers::SGD({.learning_rate = 0.05, .momentum = 0.9})); }},
        std::pair{"WithoutState", +[] { return Optimizer(optimizers::SGD({.learning_rate = 0.05})); }},
        std::pair{"AveragedAndAccumulated",
                  +[] {
                    return Optimizer(optimizers::RMSprop({.learning_rate = 0.01,
                                                          .momentum = 0.5,
                                                          .use_ema = true,
                                                          .ema_overwrite_frequency = 2,
                                                          .gradient_accumulation_steps = 2}));
                  }},
        std::pair{"Lamb", +[] { return Optimizer(optimizers::Lamb({.learning_rate = 0.01})); }},
        std::pair{"ScaledLoss", +[] { return Optimizer(optimizers::LossScaleOptimizer("adam")); }}),
    [](const auto& of) { return std::string(of.param.first); });

const std::function<Optimizer()> adam = [] { return Optimizer(optimizers::Adam({.learning_rate = 0.01})); };

TEST(ShardedOptimizer, RunsAreTheSameBitForBit) {
  const Trained first = train(adam, 3, true), second = train(adam, 3, true);
  EXPECT_EQ(first.losses, second.losses);
  EXPECT_EQ(first.weights, second.weights);
  EXPECT_EQ(first.state, second.state);
}

TEST(ShardedOptimizer, StateLiesOnOneReplicaEachAndThePlanSaysWhatIsSaved) {
  const auto bytes = [](bool sharded) {
    const Devices devices(2, sharded);
    Sequential model({layers::Input({64}), layers::Dense(64), layers::Dense(64), layers::Dense(64), layers::Dense(64)});
    model.compile({.optimizer = "adam", .loss = "mse"});
    const StepPlan plan = model.plan({.batch_size = 4});
    for (const char* op : {"reduce_scatter", "all_gather"})
      EXPECT_EQ(plan.dump().find(op) != std::string::npos, sharded) << op << "\n" << plan.dump();
    std::size_t here = 0;
    for (const Variable& v : model.optimizer().variables())
      if (v.value().device() == Device{}) here += v.value().bytes();
    return std::pair(plan.variable_bytes(), here);
  };
  const auto [whole_plan, whole_state] = bytes(false);
  const auto [divided_plan, divided_state] = bytes(true);
  const std::size_t weights = 4 * (64 * 64 + 64) * sizeof(float);
  EXPECT_NEAR(static_cast<double>(whole_state), 2.0 * static_cast<double>(weights), 100);
  EXPECT_NEAR(static_cast<double>(divided_state), static_cast<double>(weights), 100);
  EXPECT_EQ(whole_plan - divided_plan, whole_state - divided_state);
}

class ShardedFiles : public testing::TemporaryFolder {};

TEST_F(ShardedFiles, HoldTheWholeState) {
  const Samples data(16);
  const std::string path = file("sharded.keras");
  std::vector<double> state;
  {
    const Devices devices(3, true);
    Sequential model = network(adam());
    model.fit(data.x, data.y, {.batch_size = 8, .epochs = 2, .verbose = 0, .shuffle = false});
    state = state_of(model.optimizer());
    model.save(path);
  }
  const auto goes_on = [&](int replicas, bool sharded) {
    const Devices devices(replicas, sharded);
    Model model = load_model(path);
    EXPECT_EQ(state_of(model.optimizer()), state);
    return model.fit(data.x, data.y, {.batch_size = 8, .epochs = 2, .verbose = 0, .shuffle = false})["loss"];
  };
  expect_near(goes_on(3, true), goes_on(3, false), 1e-6);
}

TEST(ShardedOptimizer, OnGpus) {
  testing::name_emulated_nccl();
  if (config::list_physical_devices("gpu").size() < 2) GTEST_SKIP() << "this machine has no two GPUs";
  const Trained whole = train(adam, 2, false, "gpu"), divided = train(adam, 2, true, "gpu");
  expect_near(divided.losses, whole.losses, 1e-5);
  expect_near(divided.weights, whole.weights, 1e-4);
  expect_near(divided.state, whole.state, 1e-4);
}

}  // namespace
}  // namespace strata
