// Models of a MirroredStrategy against the same models on one device.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cmath>
#include <functional>
#include <optional>
#include <thread>

#include "tests/models/mirrored_networks.h"
#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

using distribute::MirroredStrategy;
using distribute::StrategyScope;
using testing::cnn;
using testing::Images;
using testing::images;
using testing::small_xception;

/// Replicas on the processor; 0 of them: no strategy.
struct Devices {
  explicit Devices(int replicas) {
    std::vector<std::string> names;
    for (int r = 0; r < replicas; ++r) names.push_back("cpu:" + std::to_string(r));
    if (replicas > 0) scope.emplace(MirroredStrategy(names));
    reset_names();
    utils::set_random_seed(7);
  }
  std::optional<StrategyScope> scope;
};

struct Trained {
  std::vector<double> losses;
  Tensors weights;
};

/// The loss of each of `steps` steps, and the weights after them.
Trained train(const std::function<Model()>& make, int replicas, int steps = 20, std::int64_t batch = 12) {
  const Images data = images(batch * steps);
  const Devices devices(replicas);
  Model model = make();
  Trained run;
  for (std::int64_t s = 0; s < steps; ++s) {
    model.reset_metrics();
    run.losses.push_back(
        model.train_on_batch(data.x.rows(s * batch, (s + 1) * batch), data.y.rows(s * batch, (s + 1) * batch))["loss"]);
  }
  run.weights = model.get_weights();
  return run;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance) << "at " << i;
}

std::vector<double> flat(const Tensors& tensors) {
  std::vector<double> all;
  for (const Tensor& t : tensors)
    for (std::int64_t i = 0; i < t.size(); ++i) all.push_back(t.at<double>(i));
  return all;
}

TEST(Mirrored, LossesOfTheCnnAreThoseOfOneDevice) {
  const Trained one = train([] { return cnn(); }, 0);
  EXPECT_GT(std::abs(one.losses.back() - one.losses.front()), 0.01) << "the steps change something";
  for (const int replicas : {1, 2, 4}) {
    SCOPED_TRACE(replicas);
    const Trained many = train([] { return cnn(); }, replicas);
    expect_near(many.losses, one.losses, 1e-5);
    expect_near(flat(many.weights), flat(one.weights), 1e-4);
  }
}

TEST(Mirrored, LossesOfASmallXceptionAreThoseOfOneDevice) {
  const Trained one = train(small_xception, 0);
  for (const int replicas : {2, 4}) {
    SCOPED_TRACE(replicas);
    expect_near(train(small_xception, replicas).losses, one.losses, 1e-5);
  }
}

TEST(Mirrored, RunsAreTheSameBitForBit) {
  for (const int replicas : {2, 3}) {
    const Trained first = train([] { return cnn(); }, replicas, 8, 7),
                  second = train([] { return cnn(); }, replicas, 8, 7);
    EXPECT_EQ(first.losses, second.losses);
    EXPECT_EQ(flat(first.weights), flat(second.weights));
  }
}

TEST(Mirrored, WithoutSynchronizingMovingStatisticsAreMeansOverReplicas) {
  const auto network = [] {
    Sequential model({layers::Input({1}), layers::BatchNormalization({.momentum = 0, .name = "norm"})});
    model.compile({.optimizer = "sgd", .loss = "mse"});
    return model;
  };
  const Tensor x = Tensor::from<float>({4, 1}, {1, 3, 10, 30}), y = zeros({4, 1});
  const Devices devices(2);
  Sequential model = network();
  model.train_on_batch(x, y);
  const Tensors weights = model.get_weights();
  EXPECT_NEAR(weights[2].item<double>(), (2 + 20) / 2.0, 1e-5);
  EXPECT_NEAR(weights[3].item<double>(), (1 + 100) / 2.0, 1e-4);
}

TEST(Mirrored, TheLastBatchOfAnEpochIsSharedUnevenly) {
  // 8 + 8 + 6 (2, 2, 1, 1) and 8 + 8 + 3, where one of four replicas takes no part.
  for (const std::int64_t samples : {22, 19}) {
    const Images data = images(samples);
    const auto fit = [&](int replicas) {
      const Devices devices(replicas);
      Sequential model = cnn();
      const History history = model.fit(
          data.x, data.y,
          {.batch_size = 8, .epochs = 3, .verbose = 0, .validation_data = {data.x, data.y}, .shuffle = false});
      std::vector<double> all = history["loss"];
      for (const char* log : {"accuracy", "val_loss", "val_accuracy"})
        all.insert(all.end(), history[log].begin(), history[log].end());
      return all;
    };
    const auto one = fit(0);
    for (const int replicas : {2, 3, 4}) {
      SCOPED_TRACE(std::to_string(samples) + " on " + std::to_string(replicas));
      expect_near(fit(replicas), one, 2e-5);
    }
  }
}

TEST(Mirrored, EvaluateAndPredictAreThoseOfOneDevice) {
  const Images data = images(13);
  const auto results = [&](int replicas) {
    const Devices devices(replicas);
    Sequential model = cnn();
    const Logs logs = model.evaluate(data.x, data.y, {.batch_size = 5, .verbose = 0});
    const Tensor p = model.predict(data.x, {.batch_size = 5, .verbose = 0});
    EXPECT_EQ(p.shape(), (Shape{13, 4}));
    std::vector<double> all = flat({p, Tensor(model.predict_on_batch(data.x.rows(0, 1)))});
    all.insert(all.end(), {logs["loss"], logs["accuracy"]});
    return all;
  };
  const auto one = results(0);
  for (const int replicas : {1, 2, 4}) expect_near(results(replicas), one, 1e-5);
}

TEST(Mirrored, WeightsMasksAndMetricsCountOverAllReplicas) {
  const DeviceScope processor("cpu:0");
  utils::set_random_seed(5);
  const Tensor tokens = random::randint({14, 6}, 0, 9), weights = random::uniform({14, 6});
  const Tensor y = cast(random::randint({14, 6, 1}, 0, 2), DType::f32);
  const auto results = [&](int replicas, const std::string& reduction) {
    const Devices devices(replicas);
    Sequential model({layers::Input({6}, {.dtype = DType::i32}), layers::Embedding(9, 5, {.mask_zero = true}),
                      layers::Dense(3, {.activation = "tanh", .activity_regularizer = regularizers::L2(0.1)}),
                      layers::Dense(1, {.activation = "sigmoid"})});
    model.compile({.optimizer = optimizers::SGD({.learning_rate = 0.1, .momentum = 0.9}),
                   .loss = losses::BinaryCrossentropy({.reduction = reduction}),
                   .metrics = {"accuracy", metrics::AUC({.num_thresholds = 20}), metrics::MeanSquaredError()},
                   .weighted_metrics = {"mae"}});
    const History h = model.fit(tokens, y, {.batch_size = 4, .epochs = 3, .verbose = 0, .sample_weight = weights});
    std::vector<double> all;
    for (const char* log : {"loss", "accuracy", "auc", "mean_squared_error", "mae"})
      all.insert(all.end(), h[log].begin(), h[log].end());
    return all;
  };
  for (const char* reduction : {"sum_over_batch_size", "sum", "mean_with_sample_weight"}) {
    const auto one = results(0, reduction);
    for (const int replicas : {2, 3}) {
      SCOPED_TRACE(reduction + std::to_string(replicas));
      expect_near(results(replicas, reduction), one, 2e-5);
    }
  }
}

TEST(Mirrored, ReplicasFollowWhatChangesTheModel) {
  const Images data = images(16);
  const auto losses_after = [&](int replicas) {
    const Devices devices(replicas);
    Sequential model = cnn();
    Tensors saved;
    const Callback meddler = callbacks::LambdaCallback({.on_train_batch_end = [&](std::int64_t batch, const Logs&) {
      if (batch == 0) saved = model.get_weights();
      if (batch == 2) model.set_weights(saved);
      model.optimizer().set_learning_rate(batch % 2 == 0 ? 0.05 : 0.001);
    }});
    return model.fit(data.x, data.y, {.batch_size = 4, .epochs = 3, .verbose = 0, .callbacks = {meddler}})["loss"];
  };
  const auto one = losses_after(0);
  expect_near(losses_after(2), one, 5e-5);
  expect_near(losses_after(4), one, 5e-5);
}

class MirroredFiles : public testing::TemporaryFolder {};

TEST_F(MirroredFiles, AreThoseOfOneModel) {
  const Images data = images(12);
  const std::string path = file("model.keras");
  Tensor before;
  {
    const Devices devices(3);
    Sequential model = cnn();
    model.fit(data.x, data.y,
              {.batch_size = 6,
               .epochs = 2,
               .verbose = 0,
               .callbacks = {callbacks::ModelCheckpoint(path, {.save_best_only = false})}});
    before = Tensor(model.predict(data.x, {.verbose = 0})).clone();
  }
  const auto goes_on = [&](int replicas) {
    const Devices devices(replicas);
    Model model = load_model(path);
    expect_near(flat({Tensor(model.predict(data.x, {.verbose = 0}))}), flat({before}), 1e-5);
    return model.fit(data.x, data.y, {.batch_size = 6, .epochs = 2, .verbose = 0, .shuffle = false})["loss"];
  };
  const auto one = goes_on(0);
  expect_near(goes_on(2), one, 2e-5);
}

TEST(Mirrored, EveryReplicaDrawsItsOwnRandomNumbersAndRunsRepeat) {
  const auto noisy = [](int replicas) {
    const Devices devices(replicas);
    Sequential model({layers::Input({64}), layers::Dropout(0.5)});
    model.compile(
        {.optimizer = "sgd", .loss = losses::make("mean", [](const Value&, const Value& p) { return mean(p, {-1}); })});
    const Tensor ones_ = ones({2, 64}), y = zeros({2, 1});
    std::vector<double> means;
    for (int step = 0; step < 3; ++step) {
      model.reset_metrics();
      means.push_back(model.train_on_batch(ones_, y)["loss"]);
    }
    return means;
  };
  EXPECT_EQ(noisy(2), noisy(2));
  EXPECT_NE(noisy(2), noisy(0)) << "the second replica's numbers are its own";
  const auto means = noisy(2);
  EXPECT_NE(means[0], means[1]) << "a step draws new ones";
}

TEST(Mirrored, ThePlanShowsTheExchanges) {
  const Devices devices(2);
  Sequential model = cnn();
  const std::string dump = model.plan({.batch_size = 8}).dump();
  EXPECT_NE(dump.find("side_by_side"), std::string::npos) << dump;
  EXPECT_NE(dump.find("all_reduce"), std::string::npos);
  EXPECT_NE(dump.find("f32[4,10,10,4]"), std::string::npos) << "a replica has half of the samples\n" << dump;
}

/// So it costs nothing.
TEST(Mirrored, OneReplicaHasTheStepOfNoStrategy) {
  const auto dump = [](int replicas) {
    const Devices devices(replicas);
    return cnn().plan({.batch_size = 8}).dump();
  };
  EXPECT_EQ(dump(1), dump(0));
  EXPECT_NE(dump(2), dump(0));
}

TEST(Mirrored, AnErrorOnOneReplicaIsNamedAndTrainingGoesOn) {
  const Images data = images(8);
  Tensor wrong = data.y.clone();
  wrong.mutable_data<std::int32_t>()[6] = 99;
  const Devices devices(2);
  Sequential model = cnn();
  const std::string message = testing::message_of([&] { model.train_on_batch(data.x, wrong); });
  EXPECT_NE(message.find("[rank 1 of 2 (cpu:1 on "), std::string::npos) << message;
  EXPECT_NE(message.find("99"), std::string::npos) << message;
  EXPECT_NO_THROW(model.train_on_batch(data.x, data.y));
}

TEST(Mirrored, PredictsFromSeveralThreads) {
  const Images data = images(9);
  const Devices devices(2);
  Sequential model = cnn();
  const auto expected = flat({Tensor(model.predict(data.x, {.verbose = 0}))});
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) EXPECT_EQ(flat({Tensor(model.predict(data.x, {.verbose = 0}))}), expected);
    });
  for (std::thread& t : threads) t.join();
}

TEST(Mirrored, OneDeviceStrategyTrainsOnItsDevice) {
  const Images data = images(8);
  const auto scope = distribute::OneDeviceStrategy("cpu:5").scope();
  Sequential model = cnn();
  EXPECT_NO_THROW(model.fit(data.x, data.y, {.batch_size = 4, .verbose = 0}));
  EXPECT_EQ(model.weights()[0].value().device(), (Device{DeviceKind::cpu, 5}));
}

TEST(MirroredErrors, ModelsOfAnotherScope) {
  Sequential outside({layers::Input({3}), layers::Dense(1)}, "stray");
  std::optional<Sequential> other;
  {
    const auto scope = distribute::OneDeviceStrategy("cpu:1").scope();
    other.emplace(std::vector<SequentialItem>{layers::Input({3}), layers::Dense(1)});
  }
  const Devices devices(2);
  EXPECT_ERROR(outside.compile({.optimizer = "sgd", .loss = "mse"}),
               "[model 'stray'] cannot be compiled in the scope of MirroredStrategy(cpu:0, cpu:1): it was made outside "
               "of any strategy's scope, so that this one has no replicas of it. Make the model within the scope");
  EXPECT_ERROR(other->compile({.optimizer = "sgd", .loss = "mse"}), "it was made in that of OneDeviceStrategy(cpu:1)");
}

TEST(MirroredErrors, ModelsCompiledOutside) {
  Sequential outside({layers::Input({3}), layers::Dense(1)}, "stray");
  outside.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensor x = zeros({8, 3}), y = zeros({8, 1});
  outside.train_on_batch(x, y);
  const Devices devices(2);
  EXPECT_ERROR(outside.fit(x, y, {.verbose = 0}),
               "[model 'stray'] cannot be trained in the scope of MirroredStrategy(cpu:0, cpu:1): it was made outside");
  EXPECT_ERROR(outside.train_on_batch(x, y), "Make the model within the scope");
  EXPECT_ERROR(outside.fit(data::Dataset::from_tensors({x}, {y}).batch(4), {.verbose = 0}), "cannot be trained");
  EXPECT_NO_THROW(outside.predict(x, {.verbose = 0})) << "a teacher, say";
}

TEST(MirroredErrors, BatchesThatAreTooSmall) {
  const Images data = images(9);
  const Devices devices(4);
  Sequential model = cnn();
  EXPECT_ERROR(model.fit(data.x, data.y, {.batch_size = 3, .verbose = 0}),
               "[fit: batch_size] expected at least one sample for each replica of MirroredStrategy(cpu:0, cpu:1, "
               "cpu:2, cpu:3); received 3. It is the batch size of all replicas together; or take fewer replicas");
  EXPECT_ERROR(model.fit(data.x, data.y, {.batch_size = "auto", .verbose = 0}), "received \"auto\"");
  EXPECT_ERROR(model.train_on_batch(data.x.rows(0, 2), data.y.rows(0, 2)), "one sample for each replica");
  EXPECT_ERROR(model.fit(data::Dataset::from_tensors({data.x}, {data.y}).batch(2), {.verbose = 0}),
               "received 2 samples. Make larger batches, or take fewer replicas");
}

/// The largest label so far: no sum.
class Largest : public metrics::Definition {
 public:
  Updates update(const Value& y, const Value&, const Value&) override {
    return {{most_, maximum(pending(most_), max(cast(y, DType::f32)))}};
  }
  Value result() const override { return most_; }

 private:
  Variable most_ = add_state("most");
};

TEST(MirroredErrors, WhatDoesNotAddUp) {
  const Images data = images(8);
  const Devices devices(2);
  Sequential model = cnn();
  model.compile(
      {.optimizer = "sgd", .loss = "sparse_categorical_crossentropy", .metrics = {metrics::make<Largest>("largest")}});
  EXPECT_ERROR(model.train_on_batch(data.x, data.y), "[metric 'largest'] cannot be added up over replicas");
  model.compile({.optimizer = "sgd", .loss = losses::SparseCategoricalCrossentropy({.reduction = "none"})});
  EXPECT_ERROR(model.train_on_batch(data.x, data.y), "expected a loss that is one number");
}

}  // namespace
}  // namespace strata
