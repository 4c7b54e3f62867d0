#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cmath>
#include <stop_token>

#include "tests/support/messages.h"

namespace strata {
namespace {

Sequential linear(const std::string& optimizer = "sgd") {
  Sequential model({layers::Input({3}), layers::Dense(1)});
  model.compile({.optimizer = optimizer, .loss = "mse", .metrics = {"mae"}});
  return model;
}

struct Line {
  Tensor x = random::normal({100, 3});
  Tensor y = sum(x, {-1}, {.keepdims = true}) + 0.5f;
};

TEST(Fit, LearnsALine) {
  utils::set_random_seed(1);
  const Line data;
  Sequential model = linear();
  const History history = model.fit(data.x, data.y, {.batch_size = 10, .epochs = 60, .verbose = 0});
  EXPECT_EQ(history["loss"].size(), 60u);
  EXPECT_LT(history["loss"].back(), 1e-4);
  EXPECT_LT(history["mae"].back(), 1e-2);
  EXPECT_EQ(history.best("loss"), *std::min_element(history["loss"].begin(), history["loss"].end()));
}

TEST(Fit, ALastPartialBatchCounts) {
  // 7 samples in batches of 4: the epoch's loss is the mean over samples, so the second batch weighs 3/7.
  Sequential model({layers::Input({1}), layers::Dense(1, {.kernel_initializer = "zeros", .trainable = false})});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensor x = zeros({7, 1}), y = Tensor::from<float>({7, 1}, {1, 1, 1, 1, 2, 2, 2});
  const Logs logs = model.evaluate(x, y, {.batch_size = 4, .verbose = 0});
  EXPECT_NEAR(logs["loss"], (4 * 1.0 + 3 * 4.0) / 7, 1e-6);
}

TEST(Fit, ValidationSplitTakesTheLastSamplesBeforeShuffling) {
  Sequential model({layers::Input({1}), layers::Dense(1, {.kernel_initializer = "zeros", .trainable = false})});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensor x = zeros({10, 1}), y = Tensor::from<float>({10, 1}, {0, 0, 0, 0, 0, 0, 0, 0, 3, 3});
  const History history = model.fit(x, y, {.epochs = 1, .verbose = 0, .validation_split = 0.2});
  EXPECT_NEAR(history["loss"][0], 0, 1e-7);
  EXPECT_NEAR(history["val_loss"][0], 9, 1e-6);
  EXPECT_ERROR(model.fit(zeros({1, 1}), zeros({1, 1}), {.verbose = 0, .validation_split = 0.9}), "not sufficient to split");
}

TEST(Fit, WeighsSamplesAndClasses) {
  Sequential model({layers::Input({1}), layers::Dense(1, {.kernel_initializer = "zeros", .trainable = false})});
  model.compile({.optimizer = "sgd", .loss = "mse", .metrics = {"mse"}, .weighted_metrics = {"mse"}});
  const Tensor x = zeros({2, 1}), y = Tensor::from<float>({2, 1}, {1, 2}), w = Tensor::from<float>({2}, {3, 0});
  const Logs logs = model.evaluate(x, y, {.verbose = 0, .sample_weight = w});
  EXPECT_NEAR(logs["loss"], 3.0 * 1 / 2, 1e-6);  // divided by the number of samples, not by the weights
  EXPECT_NEAR(logs["mse"], (1.0 + 4.0) / 2, 1e-6);
  EXPECT_NEAR(logs["weighted_mse"], 1.0, 1e-6);
  const History history = model.fit(x, y, {.epochs = 1, .verbose = 0, .class_weight = {{1, 0.5}}});
  EXPECT_NEAR(history["loss"][0], (0.5 * 1 + 1.0 * 4) / 2, 1e-6);
  EXPECT_ERROR(model.fit(x, y, {.verbose = 0, .class_weight = {{1, 0.5}}, .sample_weight = w}), "at the same time");
}

TEST(Fit, StepsPerEpochGoOnAcrossEpochsAndEpochsCountFromInitial) {
  const Line data;
  Sequential model = linear();
  std::int64_t batches = 0;
  const Callback count = callbacks::LambdaCallback({.on_train_batch_end = [&](std::int64_t, const Logs&) { ++batches; }});
  const History history = model.fit(data.x, data.y, {.batch_size = 10, .epochs = 5, .verbose = 0, .callbacks = {count},
                                                     .initial_epoch = 3, .steps_per_epoch = 4});
  EXPECT_EQ(batches, 8);
  EXPECT_EQ(history.epochs(), (std::vector<int>{3, 4}));
}

TEST(Fit, TheSameSeedGivesTheSameBits) {
  const auto run = [] {
    reset_names();
    utils::set_random_seed(5);
    Sequential model({layers::Input({3}), layers::Dense(16, {.activation = "relu"}), layers::Dropout(0.5), layers::Dense(1)});
    model.compile({.optimizer = "adam", .loss = "mse"});
    const Line data;
    model.fit(data.x, data.y, {.batch_size = 16, .epochs = 3, .verbose = 0});
    return model.get_weights();
  };
  const Tensors a = run(), b = run();
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::int64_t k = 0; k < a[i].size(); ++k) ASSERT_EQ(a[i].at<float>(k), b[i].at<float>(k));
}

TEST(Fit, StopsAfterTheCurrentStep) {
  const Line data;
  Sequential model = linear();
  std::stop_source stop;
  std::int64_t batches = 0;
  const Callback at_third = callbacks::LambdaCallback({.on_train_batch_end = [&](std::int64_t, const Logs&) {
    if (++batches == 13) stop.request_stop();
  }});
  const History history =
      model.fit(data.x, data.y, {.batch_size = 10, .epochs = 5, .verbose = 0, .callbacks = {at_third}, .stop = stop.get_token()});
  EXPECT_EQ(batches, 13);
  EXPECT_EQ(history.epochs().size(), 1u);  // the second epoch was not finished
}

TEST(Fit, SeveralInputsAndOutputsByName) {
  Symbol a = layers::Input({2}, {.name = "a"}), b = layers::Input({2}, {.name = "b"});
  Symbol joined = layers::Concatenate()({a, b});
  Model model({a, b}, {layers::Dense(1, {.name = "p"})(joined), layers::Dense(2, {.activation = "softmax", .name = "q"})(joined)});
  model.compile({.optimizer = "sgd",
                 .loss = {{"p", "mse"}, {"q", "sparse_categorical_crossentropy"}},
                 .loss_weights = {{"p", 2.0}},
                 .metrics = {{"q", {"accuracy"}}}});
  const Tensor x = random::normal({12, 2}), yp = random::normal({12, 1}), yq = random::randint({12}, 0, 2);
  const Logs logs = model.evaluate({{"b", x}, {"a", x}}, {{"q", yq}, {"p", yp}}, {.verbose = 0});
  EXPECT_NEAR(logs["loss"], 2 * logs["p_loss"] + logs["q_loss"], 1e-5);
  EXPECT_TRUE(logs.contains("q_accuracy"));
  EXPECT_ERROR(model.evaluate({{"a", x}, {"c", x}}, {{"q", yq}, {"p", yp}}, {.verbose = 0}), "expected tensors for 'a', 'b'");
}

TEST(Fit, TakesADatasetOfBatches) {
  const Line data;
  Sequential model = linear();
  const auto batches = data::Dataset::from_tensors({data.x}, {data.y}).shuffle(100, {.seed = 3}).batch(10).prefetch(2);
  const History history = model.fit(batches, {.epochs = 40, .verbose = 0, .validation_data = batches});
  EXPECT_LT(history["val_loss"].back(), 1e-2);
  EXPECT_EQ(Tensor(model.predict(batches)).shape(), Shape({100, 1}));
}

TEST(Fit, TrainOnBatchGivesRunningMeans) {
  Sequential model({layers::Input({1}), layers::Dense(1, {.kernel_initializer = "zeros", .trainable = false})});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensor x = zeros({1, 1});
  EXPECT_NEAR(model.train_on_batch(x, Tensor::from<float>({1, 1}, {1}))["loss"], 1, 1e-7);
  EXPECT_NEAR(model.train_on_batch(x, Tensor::from<float>({1, 1}, {3}))["loss"], 5, 1e-6);  // (1 + 9) / 2
  model.reset_metrics();
  EXPECT_NEAR(model.test_on_batch(x, Tensor::from<float>({1, 1}, {3}))["loss"], 9, 1e-6);
}

TEST(Fit, LogsKeepTheirNumbers) {
  const Tensor x = ones({1, 1}), one = ones({1, 1}), three = Tensor::from<float>({1, 1}, {3});
  Logs first, second, last;
  {
    Sequential model({layers::Input({1}), layers::Dense(1, {.kernel_initializer = "zeros", .trainable = false})});
    model.compile({.optimizer = "sgd", .loss = "mse"});
    first = model.train_on_batch(x, one);
    second = model.train_on_batch(x, three);
    model.reset_metrics();
    last = model.test_on_batch(x, three);
  }
  EXPECT_NEAR(first["loss"], 1, 1e-7);
  EXPECT_NEAR(second["loss"], 5, 1e-6);
  EXPECT_NEAR(last["loss"], 9, 1e-6);
}

TEST(Fit, RegularizersJoinTheLossOnce) {
  const Layer shared = layers::Dense(1, {.use_bias = false, .kernel_initializer = "ones", .kernel_regularizer = "l2"});
  Symbol a = layers::Input({2});
  Model model({a}, {layers::Add()({shared(a), shared(a)})});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  EXPECT_NEAR(model.evaluate(zeros({4, 2}), zeros({4, 1}), {.verbose = 0})["loss"], 0.01 * 2, 1e-7);
  // Without data to learn from, a step of SGD is the penalty's gradient alone: w -= 0.01 * 2 * 0.01 w.
  model.train_on_batch(zeros({4, 2}), zeros({4, 1}));
  EXPECT_NEAR(shared.get_weights()[0].at<float>(0), 1 - 0.01 * 2 * 0.01, 1e-7);
}

TEST(Fit, EagerModeGivesTheSameNumbers) {
  const auto run = [](bool eagerly) {
    utils::set_random_seed(9);
    Sequential model({layers::Input({3}), layers::Dense(8, {.activation = "tanh"}), layers::BatchNormalization(), layers::Dense(1)});
    model.compile({.optimizer = "adam", .loss = "mse", .run_eagerly = eagerly});
    const Line data;
    return model.fit(data.x, data.y, {.batch_size = 16, .epochs = 2, .verbose = 0})["loss"].back();
  };
  EXPECT_NEAR(run(true), run(false), 1e-6);
}

TEST(Fit, AFrozenLayerStaysAndUnfrozenTrainsAgain) {
  Sequential model({layers::Input({3}), layers::Dense(4, {.name = "base"}), layers::Dense(1)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const Line data;
  const auto kernel = [&] { return model.get_layer("base").get_weights()[0].at<float>(0); };
  model.get_layer("base").set_trainable(false);
  const float before = kernel();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  model.fit(data.x, data.y, {.verbose = 0});
  EXPECT_EQ(kernel(), before);
  model.get_layer("base").set_trainable(true);
  model.compile({.optimizer = "sgd", .loss = "mse"});
  model.fit(data.x, data.y, {.verbose = 0});
  EXPECT_NE(kernel(), before);
}

}  // namespace
}  // namespace strata
