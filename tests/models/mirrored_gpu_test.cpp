// Replicas on two GPUs.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include <optional>
#include <set>
#include <sstream>

#include "tests/support/emulated_nccl.h"

namespace strata {
namespace {

using distribute::Communication;

class TwoGpus : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { testing::name_emulated_nccl(); }
  void SetUp() override {
    if (config::list_physical_devices("gpu").size() < 2) GTEST_SKIP() << "this machine has no two GPUs";
  }
};

bool emulated() { return config::list_physical_devices("gpu")[0].description.find("emulated") != std::string::npos; }

/// Losses of an epoch of steps, then what the model predicts. Without devices: on gpu:0, without a strategy.
std::vector<double> results(const std::vector<std::string>& devices, Communication communication = {}) {
  utils::set_random_seed(3);
  const Tensor x = random::uniform({48, 8, 8, 1}), y = random::randint({48}, 0, 4);
  std::optional<distribute::StrategyScope> scope;
  std::optional<DeviceScope> device;
  if (devices.empty())
    device.emplace("gpu:0");
  else
    scope.emplace(distribute::MirroredStrategy(devices, {.communication = communication}));
  reset_names();
  utils::set_random_seed(7);
  // No bias: batch norm leaves it a gradient of rounding errors alone.
  Sequential model({layers::Input({8, 8, 1}), layers::Conv2D(4, 3, {.use_bias = false}),
                    layers::BatchNormalization({.synchronized = true}), layers::Activation("relu"), layers::Flatten(),
                    layers::Dense(4, {.activation = "softmax"})});
  model.compile({.optimizer = optimizers::SGD({.learning_rate = 0.1, .momentum = 0.9}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  std::vector<double> all;
  for (int epoch = 0; epoch < 3; ++epoch) {
    const History h = model.fit(x, y, {.batch_size = 10, .verbose = 0, .shuffle = false});  // the last batch has 8
    all.insert(all.end(), {h["loss"][0], h["accuracy"][0]});
  }
  const Tensor p = model.predict(x, {.batch_size = 10, .verbose = 0});
  for (std::int64_t i = 0; i < p.size(); ++i) all.push_back(p.at<double>(i));
  return all;
}

TEST_F(TwoGpus, ResultsAreThoseOfOne) {
  const auto one = results({});
  for (const Communication way : {Communication::automatic, Communication::host}) {
    const auto two = results({"gpu:0", "gpu:1"}, way);
    ASSERT_EQ(one.size(), two.size());
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(two[i], one[i], 2e-5) << i;
    EXPECT_EQ(two, results({"gpu:0", "gpu:1"}, way)) << "bit for bit";
  }
}

TEST_F(TwoGpus, DataMayBeMadeInTheScopeOnTheFirstGpu) {
  for (const Communication way : {Communication::automatic, Communication::host}) {
    const distribute::MirroredStrategy strategy({"gpu:0", "gpu:1"}, {.timeout_seconds = 60, .communication = way});
    const auto scope = strategy.scope();
    Sequential model({layers::Input({3}), layers::Dense(2)});
    model.compile({.optimizer = "sgd", .loss = "mse"});
    const Tensor x = random::uniform({8, 3}), y = random::uniform({8, 2});
    EXPECT_EQ(x.device(), (Device{DeviceKind::gpu, 0}));
    EXPECT_NO_THROW(model.fit(x, y, {.batch_size = 4, .epochs = 2, .verbose = 0}));
  }
}

TEST_F(TwoGpus, ExchangesAreKernelsOfTheGpusOrStepsOfTheProcessor) {
  if (!emulated()) GTEST_SKIP() << "a machine may have no NCCL";
  const auto placement = [](Communication way) {
    debugging::set_log_device_placement(true);
    ::testing::internal::CaptureStderr();
    results({"gpu:0", "gpu:1"}, way);
    debugging::set_log_device_placement(false);
    return ::testing::internal::GetCapturedStderr();
  };
  const auto devices_of_sums = [&](Communication way) {
    std::set<std::string> devices;
    std::istringstream lines(placement(way));
    for (std::string line; std::getline(lines, line);)
      if (line.find("all_reduce") != std::string::npos)
        for (const char* name : {"gpu:0", "gpu:1", "cpu:0"})
          if (line.find(name) != std::string::npos) devices.insert(name);
    return devices;
  };
  EXPECT_EQ(devices_of_sums(Communication::nccl), (std::set<std::string>{"gpu:0", "gpu:1"}));
  EXPECT_EQ(devices_of_sums(Communication::host), (std::set<std::string>{"cpu:0"}));
}

}  // namespace
}  // namespace strata
