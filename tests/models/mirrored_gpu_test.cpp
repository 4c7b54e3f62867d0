// Replicas on two GPUs.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include <optional>

namespace strata {
namespace {

class TwoGpus : public ::testing::Test {
 protected:
  void SetUp() override {
    if (config::list_physical_devices("gpu").size() < 2) GTEST_SKIP() << "this machine has no two GPUs";
  }
};

/// Losses of an epoch of steps, then what the model predicts. Without devices: on gpu:0, without a strategy.
std::vector<double> results(const std::vector<std::string>& devices) {
  utils::set_random_seed(3);
  const Tensor x = random::uniform({48, 8, 8, 1}), y = random::randint({48}, 0, 4);
  std::optional<distribute::StrategyScope> scope;
  std::optional<DeviceScope> device;
  if (devices.empty())
    device.emplace("gpu:0");
  else
    scope.emplace(distribute::MirroredStrategy(devices));
  reset_names();
  utils::set_random_seed(7);
  // No bias: batch norm leaves it a gradient of rounding errors alone, of which Adam makes steps of full size.
  Sequential model({layers::Input({8, 8, 1}), layers::Conv2D(4, 3, {.use_bias = false}),
                    layers::BatchNormalization({.synchronized = true}), layers::Activation("relu"), layers::Flatten(),
                    layers::Dense(4, {.activation = "softmax"})});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
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
  const auto one = results({}), two = results({"gpu:0", "gpu:1"});
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(two[i], one[i], 2e-5) << i;
  EXPECT_EQ(two, results({"gpu:0", "gpu:1"})) << "bit for bit";
}

}  // namespace
}  // namespace strata
