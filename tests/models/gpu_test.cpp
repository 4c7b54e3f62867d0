// Keras's loop on a GPU: the numbers of the processor, files that do not care, and a step that does not wait.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cmath>
#include <filesystem>

#include "core/device/cuda_emulated.h"
#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

class ModelOnGpu : public testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << config::why_no_gpu();
    utils::set_random_seed(7);
  }
};

struct Digits {
  explicit Digits(std::int64_t count = 70) : x(random::normal({count, 12, 12, 1})), y(random::randint({count}, 0, 10)) {}
  Tensor x, y;
};

Sequential small_cnn() {
  utils::set_random_seed(11);
  return Sequential({layers::Input({12, 12, 1}), layers::Conv2D(8, {3, 3}, {.activation = "relu"}),
                     layers::BatchNormalization(), layers::MaxPooling2D({2, 2}), layers::Dropout(0.25),
                     layers::Flatten(), layers::Dense(16, {.activation = "tanh"}),
                     layers::Dense(10, {.activation = "softmax"})});
}

struct Outcome {
  std::vector<double> losses;
  Tensors weights;
  Tensor predictions;
  double evaluated = 0;
};

Outcome train_on(const std::string& device, const Digits& data, int epochs = 2) {
  const DeviceScope scope(device);
  Sequential model = small_cnn();
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 1e-2}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  const History history = model.fit(data.x, data.y, {.batch_size = 16, .epochs = epochs, .verbose = 0});
  Outcome o;
  o.losses = history["loss"];
  o.weights = model.get_weights();
  o.predictions = model.predict(data.x, {.batch_size = 32});
  o.evaluated = model.evaluate(data.x, data.y, {.batch_size = 32, .verbose = 0})["loss"];
  return o;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a.at<double>(i) - b.at<double>(i)));
  return most;
}

TEST_F(ModelOnGpu, LearnsAsOnTheProcessor) {
  const Digits data;
  const Outcome here = train_on("cpu:0", data), there = train_on("gpu:0", data);
  ASSERT_EQ(here.losses.size(), there.losses.size());
  for (std::size_t i = 0; i < here.losses.size(); ++i)
    EXPECT_NEAR(there.losses[i], here.losses[i], 1e-4 * here.losses[i]);
  for (std::size_t i = 0; i < here.weights.size(); ++i)
    EXPECT_LT(largest_difference(there.weights[i], here.weights[i]), 2e-3) << i;
  EXPECT_LT(largest_difference(there.predictions, here.predictions), 1e-3);
  EXPECT_NEAR(there.evaluated, here.evaluated, 1e-3);
}

TEST_F(ModelOnGpu, TwoRunsAreBitIdentical) {
  const Digits data;
  const Outcome first = train_on("gpu:0", data), second = train_on("gpu:0", data);
  EXPECT_EQ(first.losses, second.losses);
  for (std::size_t i = 0; i < first.weights.size(); ++i)
    EXPECT_EQ(largest_difference(first.weights[i], second.weights[i]), 0);
}

TEST_F(ModelOnGpu, WeightsLieThereAndComeBackHere) {
  const DeviceScope scope("gpu:0");
  Sequential model = small_cnn();
  for (const Layer& layer : model.layers())
    for (const Variable& v : layer.weights()) EXPECT_EQ(to_string(v.value().device()), "gpu:0") << v.path();
  const Tensors weights = model.get_weights();
  for (const Tensor& w : weights) EXPECT_EQ(to_string(w.device()), "cpu:0");
  model.set_weights(weights);
  EXPECT_EQ(largest_difference(model.get_weights()[0], weights[0]), 0);
}

TEST_F(ModelOnGpu, FilesDoNotKnowTheDevice) {
  const Digits data;
  const std::string saved = file("model.keras");
  Tensor expected;
  {
    const DeviceScope scope("gpu:0");
    Sequential model = small_cnn();
    model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});
    model.fit(data.x, data.y, {.batch_size = 16, .epochs = 1, .verbose = 0});
    model.save(saved);
    expected = model.predict(data.x);
    Model again = load_model(saved);
    EXPECT_EQ(to_string(again.layers()[0].weights()[0].value().device()), "gpu:0");
    EXPECT_EQ(largest_difference(Tensor(again.predict(data.x)), expected), 0);
    again.fit(data.x, data.y, {.batch_size = 16, .epochs = 1, .verbose = 0});
  }
  Model here = load_model(saved);
  EXPECT_EQ(to_string(here.layers()[0].weights()[0].value().device()), "cpu:0");
  EXPECT_LT(largest_difference(Tensor(here.predict(data.x)), expected), 1e-5);
  here.fit(data.x, data.y, {.batch_size = 16, .epochs = 1, .verbose = 0});
}

TEST_F(ModelOnGpu, WorksOutsideOfTheScopeThatMadeIt) {
  const Digits data;
  std::optional<Sequential> model;
  {
    const DeviceScope scope("gpu:0");
    model = small_cnn();
  }
  model->compile({.optimizer = optimizers::SGD({.learning_rate = 0.01, .momentum = 0.9}),
                  .loss = "sparse_categorical_crossentropy"});
  const Logs logs = model->train_on_batch(data.x, data.y);
  EXPECT_TRUE(std::isfinite(logs["loss"]));
  EXPECT_EQ(to_string(model->optimizer().variables().back().value().device()), "gpu:0");
}

TEST_F(ModelOnGpu, StepsNeitherWaitNorAllocate) {
  if constexpr (has_emulated_gpu) {
    const DeviceScope scope("gpu:0");
    const Digits data;
    Sequential model = small_cnn();
    model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
    const Tensor x = data.x.rows(0, 32).to("gpu:0"), y = data.y.rows(0, 32).to("gpu:0");
    for (int i = 0; i < 3; ++i) model.train_on_batch(x, y);
    const cuda::EmulatedCalls before = cuda::emulated_calls();
    for (int i = 0; i < 20; ++i) model.train_on_batch(x, y);
    const cuda::EmulatedCalls after = cuda::emulated_calls();
    EXPECT_EQ(after.synchronizations, before.synchronizations);
    EXPECT_EQ(after.allocations, before.allocations);
    EXPECT_EQ(after.graph_launches - before.graph_launches, 20u);
  } else {
    GTEST_SKIP() << "only the emulated GPU counts its calls";
  }
}

// Where less than four times the data is free, the arrays stay in the processor's memory.
TEST_F(ModelOnGpu, DataThatDoesNotFitIsBroughtBatchByBatch) {
  if constexpr (has_emulated_gpu) {
    const Digits data(2000);
    const Outcome kept = train_on("gpu:0", data, 1);
    const auto in_use = static_cast<std::size_t>(config::memory_in_use({DeviceKind::gpu, 0}));
    cuda::set_emulated_memory(in_use + 3 * data.x.bytes());
    const Outcome brought = train_on("gpu:0", data, 1);
    cuda::set_emulated_memory(std::size_t{1} << 30);
    EXPECT_EQ(brought.losses, kept.losses);
  } else {
    GTEST_SKIP() << "a real GPU is not filled up here";
  }
}

}  // namespace
}  // namespace strata
