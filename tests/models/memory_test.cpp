// What a user controls about memory: limits, recomputation, the batch size that fits.

#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cstring>

#include "tests/support/messages.h"

namespace strata {
namespace {

/// The network of the MNIST tutorials.
Model mnist_cnn() {
  return Sequential({layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
                     layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25),
                     layers::Flatten(), layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5),
                     layers::Dense(10, {.activation = "softmax"})});
}

/// Eight convolutions with batch normalization, for the same images.
Model deep_cnn() {
  std::vector<SequentialItem> items{layers::Input({28, 28, 1})};
  for (const int filters : {16, 32}) {
    for (int i = 0; i < 4; ++i) {
      items.emplace_back(layers::Conv2D(filters, 3, {.padding = "same", .use_bias = false}));
      items.emplace_back(layers::BatchNormalization());
      items.emplace_back(layers::ReLU());
    }
    items.emplace_back(layers::MaxPooling2D(2));
  }
  items.emplace_back(layers::Flatten());
  items.emplace_back(layers::Dropout(0.5));
  items.emplace_back(layers::Dense(10, {.activation = "softmax"}));
  return Sequential(items);
}

/// Two stages of residual blocks with batch normalization on small images.
Model residual() {
  const Symbol in = layers::Input({16, 16, 3});
  Symbol x = layers::Conv2D(8, 3, {.padding = "same"})(in);
  for (const int filters : {8, 16})
    for (int block = 0; block < 3; ++block) {
      const int strides = filters == 16 && block == 0 ? 2 : 1;
      Symbol y = layers::Conv2D(filters, 3, {.strides = strides, .padding = "same", .use_bias = false})(x);
      y = layers::ReLU()(layers::BatchNormalization()(y));
      y = layers::Conv2D(filters, 3, {.padding = "same", .use_bias = false})(y);
      y = layers::BatchNormalization()(y);
      if (strides == 2) x = layers::Conv2D(filters, 1, {.strides = 2})(x);
      x = layers::ReLU()(layers::Add()({x, y}));
    }
  return Model({in}, {layers::Dense(10, {.activation = "softmax"})(layers::GlobalAveragePooling2D()(x))});
}

struct Run {
  std::size_t peak = 0;
  Tensors weights;
  std::string dump;
};

/// Ten steps. Under a limit the device allows what is there before the steps, and the limit, but no more.
Run ten_steps(Model (*make)(), std::int64_t batch, std::int64_t limit) {
  reset_names();
  utils::set_random_seed(4);
  Model model = make();
  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}, .memory_limit = limit});
  const StepPlan plan = model.plan({.batch_size = batch});
  Shape shape = model.inputs()[0].shape();
  shape[0] = batch;
  const Tensor x = random::uniform(shape), y = random::randint({batch}, 0, 10);
  constexpr std::int64_t for_logs = 64 << 10;
  if (limit > 0) config::set_memory_limit("cpu:0", config::memory_in_use({}) + limit + for_logs);
  for (int i = 0; i < 10; ++i) model.train_on_batch(x, y);
  config::set_memory_limit("cpu:0", 0);
  return {plan.peak_bytes(), model.get_weights(), plan.dump()};
}

void expect_same_bits(const Tensors& a, const Tensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_EQ(std::memcmp(a[i].raw(), b[i].raw(), a[i].bytes()), 0) << "weight " << i;
}

void expect_same_training(Model (*make)(), std::int64_t batch, double share) {
  const Run whole = ten_steps(make, batch, 0);
  const auto limit = static_cast<std::int64_t>(share * static_cast<double>(whole.peak));
  const Run less = ten_steps(make, batch, limit);
  EXPECT_LE(static_cast<std::int64_t>(less.peak), limit);
  EXPECT_NE(less.dump.find("(again)"), std::string::npos);
  expect_same_bits(whole.weights, less.weights);
}

TEST(MemoryLimit, AResidualNetTrainsToTheSameBitsIn60PercentOfItsPeak) { expect_same_training(residual, 32, 0.6); }
TEST(MemoryLimit, ADeepCnnTrainsToTheSameBitsIn60PercentOfItsPeak) { expect_same_training(deep_cnn, 32, 0.6); }
/// Its largest kernel alone, the gradient of the max pooling, takes 81 % of the peak.
TEST(MemoryLimit, TheMnistCnnTrainsToTheSameBitsIn85PercentOfItsPeak) { expect_same_training(mnist_cnn, 64, 0.85); }

TEST(MemoryLimit, SaysWhatAStepNeedsWhenNoRecomputationIsEnough) {
  Model model = mnist_cnn();
  model.compile({.optimizer = "sgd", .loss = "sparse_categorical_crossentropy", .memory_limit = 8 << 20});
  const std::string error = testing::message_of([&] { model.plan({.batch_size = 64}); });
  EXPECT_NE(error.find("even with everything computed again that lowers its peak"), std::string::npos) << error;
  EXPECT_NE(error.find("memory_limit is 8388608 bytes. The batch size was 64; the largest that fits is "),
            std::string::npos)
      << error;
  const std::int64_t largest = std::stoll(error.substr(error.find("fits is ") + 8));
  EXPECT_LE(model.plan({.batch_size = largest}).peak_bytes(), std::size_t{8} << 20);
  EXPECT_ERROR(model.plan({.batch_size = largest + 1}), "memory_limit");
  EXPECT_ERROR(model.fit(zeros({64, 28, 28, 1}), zeros({64}), {.batch_size = 64, .verbose = 0}),
               "the largest that fits is ");
}

TEST(MemoryLimit, IsANumberOfBytes) {
  Model model = mnist_cnn();
  EXPECT_ERROR(model.compile({.loss = "mse", .memory_limit = -1}), "compile: memory_limit");
}

TEST(MemoryLimit, FitSaysOnceWhatItCosts) {
  reset_names();
  Model model = residual();
  model.compile({.optimizer = "sgd", .loss = "sparse_categorical_crossentropy"});
  const std::size_t peak = model.plan({.batch_size = 16}).peak_bytes();
  model.compile({.optimizer = "sgd",
                 .loss = "sparse_categorical_crossentropy",
                 .memory_limit = static_cast<std::int64_t>(peak * 3 / 4)});
  const Tensor x = random::uniform({48, 16, 16, 3}), y = random::randint({48}, 0, 10);
  const auto printed = [&](int verbose) {
    ::testing::internal::CaptureStdout();
    model.fit(x, y, {.batch_size = 16, .epochs = 2, .verbose = verbose});
    return ::testing::internal::GetCapturedStdout();
  };
  const std::string first = printed(2), second = printed(2);
  const std::size_t at = first.find("memory_limit: a step takes ");
  ASSERT_NE(at, std::string::npos) << first;
  EXPECT_NE(first.find("bytes instead of " + std::to_string(peak)), std::string::npos) << first;
  EXPECT_EQ(first.find("memory_limit: ", at + 1), std::string::npos) << first;
  EXPECT_EQ(second.find("memory_limit: "), std::string::npos) << second;
}

TEST(FreeMemory, WhatTheSystemDoesNotHaveIsRefusedBeforeTheFirstStep) {
  Sequential model({layers::Input({64}), layers::Dense(256, {.activation = "relu"}), layers::Dense(1)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const std::string error = testing::message_of([&] { model.plan({.batch_size = std::int64_t{1} << 33}); });
  EXPECT_NE(error.find("are free, swap space included. The batch size was 8589934592; the largest that fits is "),
            std::string::npos)
      << error;
}

class AutomaticBatchSize : public ::testing::Test {
 protected:
  void SetUp() override {
    model_.compile({.optimizer = "adam", .loss = "mse", .metrics = {"mae"}});
    model_.train_on_batch(zeros({1, 64}), zeros({1, 1}));  // what a run makes once is there
    const std::size_t peak = model_.plan({.batch_size = 700}).peak_bytes();
    config::set_memory_limit("cpu:0", config::memory_in_use({}) + static_cast<std::int64_t>(peak));
  }
  void TearDown() override { config::set_memory_limit("cpu:0", 0); }

  /// Trains, and returns the batch size that fit prints.
  std::int64_t chosen(FitOptions options) {
    options.batch_size = "auto";
    options.verbose = 2;
    ::testing::internal::CaptureStdout();
    model_.fit(x_, y_, options);
    const std::string out = ::testing::internal::GetCapturedStdout();
    EXPECT_NE(out.find("batch size "), std::string::npos) << out;
    return std::stoll(out.substr(out.find("batch size ") + 11));
  }

  Tensor x_ = zeros({3000, 64}), y_ = zeros({3000, 1});
  Sequential model_{{layers::Input({64}), layers::Dense(256, {.activation = "relu"}), layers::Dense(1)}};
};

TEST_F(AutomaticBatchSize, IsTheLargestThatFits) {
  const std::int64_t size = chosen({.epochs = 2, .validation_split = 0.1});
  EXPECT_GT(size, 100);
  EXPECT_LT(size, 700);
  model_.fit(x_, y_, {.batch_size = size, .verbose = 0});
  EXPECT_ERROR(model_.fit(x_, y_, {.batch_size = size + 1, .verbose = 0}),
               "The batch size was " + std::to_string(size + 1) + "; the largest that fits is ");
  EXPECT_EQ(chosen({}), size);
}

TEST_F(AutomaticBatchSize, CountsWhatTheBatchItselfTakes) {
  const std::int64_t shuffled = chosen({}), in_order = chosen({.shuffle = false});
  EXPECT_GT(in_order, shuffled);  // slices of the data take no memory
  model_.fit(x_, y_, {.batch_size = in_order, .verbose = 0, .shuffle = false});
  EXPECT_ERROR(model_.fit(x_, y_, {.batch_size = in_order + 1, .verbose = 0, .shuffle = false}),
               "the largest that fits is ");
}

TEST_F(AutomaticBatchSize, IsAtMostAllSamples) {
  config::set_memory_limit("cpu:0", 0);
  EXPECT_EQ(chosen({}), 3000);
}

TEST_F(AutomaticBatchSize, IsAnErrorWhenNotEvenOneSampleFits) {
  config::set_memory_limit("cpu:0", config::memory_in_use({}) + 1000);
  EXPECT_ERROR(model_.fit(x_, y_, {.batch_size = "auto", .verbose = 0}), "not even a batch of 1 fits");
}

TEST_F(AutomaticBatchSize, KeepsWithinTheMemoryLimitOfCompile) {
  config::set_memory_limit("cpu:0", 0);
  const std::size_t peak = model_.plan({.batch_size = 500}).peak_bytes();
  model_.compile({.optimizer = "adam", .loss = "mse", .memory_limit = static_cast<std::int64_t>(peak)});
  const std::int64_t size = chosen({});
  EXPECT_GE(size, 500);
  EXPECT_LT(size, 3000);
  EXPECT_LE(model_.plan({.batch_size = size}).peak_bytes(), peak);
  EXPECT_ERROR(model_.plan({.batch_size = size + 1}), "memory_limit");
}

TEST(BatchSizes, AreNumbersOrAuto) {
  EXPECT_TRUE(BatchSize("auto").is_automatic());
  EXPECT_TRUE(BatchSize::automatic().is_automatic());
  EXPECT_EQ(BatchSize(64).samples(), 64);
  EXPECT_EQ(to_string(BatchSize::automatic()), "auto");
  EXPECT_ERROR(BatchSize("many"), "expected a number or \"auto\"; received 'many'");
  EXPECT_ERROR(BatchSize::automatic().samples(), "is automatic");
  Sequential model({layers::Input({1}), layers::Dense(1)});
  model.compile({.loss = "mse"});
  EXPECT_ERROR(model.fit(zeros({4, 1}), zeros({4, 1}), {.batch_size = 0}), "a positive number or \"auto\"");
  const auto batches = data::Dataset::from_tensors({zeros({4, 1})}, {zeros({4, 1})}).batch(2);
  EXPECT_ERROR(model.fit(batches, {.batch_size = "auto"}), "the Dataset yields batches; received auto");
}

}  // namespace
}  // namespace strata
