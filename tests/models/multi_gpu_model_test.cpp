// Keras 2's multi_gpu_model.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include "tests/support/messages.h"

namespace strata {
namespace {

std::size_t gpus_here() { return config::list_physical_devices("gpu").size(); }

Sequential network() {
  reset_names();
  utils::set_random_seed(7);
  return Sequential({layers::Input({5}), layers::Dense(8, {.activation = "tanh"}), layers::Dense(3)}, "template");
}

TEST(MultiGpuModel, AsksForTwoAtLeastInKerasWords) {
  const Sequential model = network();
  EXPECT_ERROR(utils::multi_gpu_model(model, 1),
               "For multi-gpu usage to be effective, call `multi_gpu_model` with `gpus >= 2`. Received: `gpus=1`");
  EXPECT_ERROR(utils::multi_gpu_model(model, std::vector<int>{3}),
               "call `multi_gpu_model` with `len(gpus) >= 2`. Received: `gpus=[3]`");
  if (gpus_here() == 0) {
    EXPECT_ERROR(utils::multi_gpu_model(model), "Received: `gpus=0`");
  }
}

TEST(MultiGpuModel, ListsTheDevicesThatAreThere) {
  const Sequential model = network();
  std::string here = "['/cpu:0'";
  for (std::size_t i = 0; i < gpus_here(); ++i) here += ", '/gpu:" + std::to_string(i) + "'";
  EXPECT_ERROR(utils::multi_gpu_model(model, std::vector<int>{0, 77}),
               "To call `multi_gpu_model` with `gpus=[0, 77]`, we expect the following devices to be available: "
               "['/cpu:0', '/gpu:0', '/gpu:77']. However this machine only has: " +
                   here + "]. Try reducing `gpus`.");
}

class OnTwoGpus : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpus_here() < 2) GTEST_SKIP() << "this machine has no two GPUs";
  }
};

TEST_F(OnTwoGpus, TrainsTheTemplatesWeights) {
  utils::set_random_seed(3);
  const Tensor x = random::normal({24, 5}), y = random::normal({24, 3});
  Sequential alone = network();
  alone.compile({.optimizer = "adam", .loss = "mse"});
  const History one = alone.fit(x, y, {.batch_size = 8, .epochs = 3, .verbose = 0, .shuffle = false});

  Sequential model = network();
  Model parallel = utils::multi_gpu_model(model, 2);
  EXPECT_NE(parallel.name(), model.name());
  parallel.compile({.optimizer = "adam", .loss = "mse"});
  const History two = parallel.fit(x, y, {.batch_size = 8, .epochs = 3, .verbose = 0, .shuffle = false});
  for (std::size_t e = 0; e < 3; ++e) EXPECT_NEAR(two["loss"][e], one["loss"][e], 1e-5) << e;

  const Tensor expected = alone.predict(x, {.verbose = 0});
  for (Model trained : {Model(model), parallel}) {
    const Tensor p = trained.predict(x, {.verbose = 0});
    for (std::int64_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p.at<double>(i), expected.at<double>(i), 1e-4) << i;
  }
  EXPECT_EQ(model.weights().size(), parallel.weights().size());
  EXPECT_EQ(model.weights()[0], parallel.weights()[0]);
}

TEST_F(OnTwoGpus, IsNotForModelsWithoutShapesNorWithinAScope) {
  EXPECT_ERROR(utils::multi_gpu_model(Sequential({layers::Dense(3)}), 2), "has no Input");
  const auto scope = distribute::OneDeviceStrategy("cpu:0").scope();
  EXPECT_ERROR(utils::multi_gpu_model(network(), 2), "strategies do not nest");
}

}  // namespace
}  // namespace strata
