#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <stop_token>

#include "tests/models/training_program.h"
#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::TrainingProgram;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void expect_same(const Tensors& a, const Tensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].type(), b[i].type());
    EXPECT_EQ(std::memcmp(a[i].raw(), b[i].raw(), a[i].bytes()), 0) << "tensor " << i;
  }
}

class Resume : public strata::testing::TemporaryFolder {
 protected:
  fs::path made(const std::string& name) const {
    fs::create_directories(folder_ / name);
    return folder_ / name;
  }

  /// Runs the program at once, and with a crash after `steps` steps of each attempt until it comes through.
  void expect_same_result(TrainingProgram program, int steps) {
    program.folder = made("whole");
    const auto whole = program.run();
    program.folder = made("broken");
    int attempts = 0;
    for (bool through = false; !through; ++attempts) {
      ASSERT_LT(attempts, 100);
      int left = steps;
      program.extra = {callbacks::LambdaCallback({.on_train_batch_end = [&](std::int64_t, const Logs&) {
        if (--left == 0) throw std::runtime_error("crash");
      }})};
      try {
        const auto resumed = program.run();
        through = true;
        expect_same(whole.weights, resumed.weights);
        expect_same(whole.optimizer, resumed.optimizer);
        EXPECT_EQ(whole.next_random, resumed.next_random);
        EXPECT_EQ(whole.history.epochs(), resumed.history.epochs());
        for (const auto& [name, series] : whole.history) EXPECT_EQ(series, resumed.history[name]) << name;
        EXPECT_EQ(text_of(folder_ / "whole/log.csv"), text_of(folder_ / "broken/log.csv"));
        EXPECT_EQ(text_of(folder_ / "whole/best.weights.h5"), text_of(folder_ / "broken/best.weights.h5"));
        EXPECT_FALSE(fs::exists(folder_ / "broken/backup"));
      } catch (const std::runtime_error& e) {
        ASSERT_STREQ(e.what(), "crash");
      }
    }
    EXPECT_GT(attempts, 1);
  }

};

TEST_F(Resume, FromTheEndOfAnEpoch) { expect_same_result({}, 10); }

TEST_F(Resume, FromTheMiddleOfAnEpoch) { expect_same_result({.save_freq = 3}, 4); }

TEST_F(Resume, FromTheLastBatchOfAnEpoch) { expect_same_result({.save_freq = 7}, 8); }

TEST_F(Resume, EpochsThatArePartsOfOnePass) {
  expect_same_result({.epochs = 3, .save_freq = 1, .steps_per_epoch = 2}, 2);
}

TEST_F(Resume, ADataset) { expect_same_result({.save_freq = 2, .dataset = true}, 5); }

TEST_F(Resume, ARepeatedDatasetInParts) {
  expect_same_result({.save_freq = 2, .dataset = true, .steps_per_epoch = 5}, 4);
}

TEST_F(Resume, EarlyStoppingStopsWhereItWouldHave) {
  expect_same_result({.epochs = 30, .save_freq = 2, .patience = 2}, 9);
}

TEST_F(Resume, WithAveragedWeights) {
  expect_same_result({.save_freq = 3, .use_ema = true}, 5);
  // The kept backup of a run that is over holds the weights before they became their averages.
  TrainingProgram program{.folder = made("kept"), .epochs = 2, .delete_checkpoint = false, .use_ema = true};
  program.run();
  program.epochs = 4;
  const auto longer = program.run();
  program.folder = made("at once");
  expect_same(program.run().weights, longer.weights);
}

TEST_F(Resume, AfterAStopRequest) {
  TrainingProgram program{.folder = made("whole")};
  const auto whole = program.run();
  program.folder = made("broken");
  std::stop_source stop;
  program.stop = stop.get_token();
  int steps = 0;
  program.extra = {callbacks::LambdaCallback({.on_train_batch_end = [&](std::int64_t, const Logs&) {
    if (++steps == 10) stop.request_stop();
  }})};
  EXPECT_EQ(program.run().history.epochs().size(), 1u);
  EXPECT_TRUE(fs::exists(program.folder / "backup/backup.h5"));
  program.stop = {};
  const auto resumed = program.run();
  EXPECT_EQ(steps, 28);  // none was done twice: 4 epochs of 7
  expect_same(whole.weights, resumed.weights);
}

TEST_F(Resume, AKeptBackupOfAFinishedRunLeavesNothingToDo) {
  TrainingProgram program{.folder = made("kept"), .delete_checkpoint = false};
  const auto first = program.run();
  int steps = 0;
  program.extra = {callbacks::LambdaCallback({.on_train_batch_end = [&](std::int64_t, const Logs&) { ++steps; }})};
  const auto second = program.run();
  EXPECT_EQ(steps, 0);
  expect_same(first.weights, second.weights);
  program.epochs = 5;
  EXPECT_EQ(program.run().history.epochs().size(), 5u);
  EXPECT_EQ(steps, 7);
}

TEST_F(Resume, APreviousBackupReplacesADamagedOne) {
  TrainingProgram program{.folder = made("double"), .delete_checkpoint = false, .double_checkpoint = true};
  const auto whole = program.run();
  EXPECT_TRUE(fs::exists(program.folder / "backup/backup.previous.h5"));
  fs::resize_file(program.folder / "backup/backup.h5", 1000);
  expect_same(whole.weights, program.run().weights);
  fs::resize_file(program.folder / "backup/backup.h5", 1000);
  program.double_checkpoint = false;
  EXPECT_ERROR(program.run(), "backup.h5");
}

TEST_F(Resume, LeftoversOfKilledRunsAreRemoved) {
  TrainingProgram program{.folder = made("left"), .delete_checkpoint = true};
  fs::create_directories(program.folder / "backup");
  std::ofstream(program.folder / "backup/.backup.h5.123.tmp") << "half";
  program.run();
  EXPECT_FALSE(fs::exists(program.folder / "backup"));
}

TEST_F(Resume, ABackupOfAnotherRunIsRefused) {
  const TrainingProgram program{.folder = made("kept"), .epochs = 1, .delete_checkpoint = false};
  program.run();
  auto other = program;
  other.units = 17;
  EXPECT_ERROR(other.run(), "holds 'weights/sequential/dense/kernel' f32[5,16] where this model has");
  other = program;
  other.batch_size = 20;
  EXPECT_ERROR(other.run(), "the data is passed otherwise: 'batch_size' was 16 and is 20");
  other = program;
  other.beta_1 = 0.8;
  EXPECT_ERROR(other.run(), "the optimizer is another one: 'beta_1' was 0.9 and is 0.8");
  other = program;
  other.data_seed = 78;
  EXPECT_ERROR(other.run(), "the first batch of epoch 1 differs");
  EXPECT_ERROR(other.run(), "backup.h5' cannot go on here");
}

TEST_F(Resume, DataThatNoOtherProcessGetsAgainIsRefusedBeforeTraining) {
  Sequential model({layers::Input({2}), layers::Dense(1)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const auto rows = data::Dataset::from_tensors({zeros({8, 2})}, {zeros({8, 1})});
  const FitOptions options{.verbose = 0, .callbacks = {callbacks::BackupAndRestore((folder_ / "b").string())}};
  EXPECT_ERROR(model.fit(rows.shuffle(8).batch(4), options), "Dataset.shuffle: the order has no seed");
  int calls = 0;
  const auto own_state = data::Dataset::from_generator([&]() -> std::optional<data::Sample> {
    if (calls++ == 4) return std::nullopt;
    return data::Sample{.x = zeros({2}), .y = zeros({1})};
  });
  EXPECT_ERROR(model.fit(own_state.batch(2), options), "let it take the index");
  EXPECT_EQ(calls, 0);
  model.fit(rows.shuffle(8, {.seed = 1}).batch(4), options);
}

TEST_F(Resume, CallbacksOfOnesOwnRememberWhatTheySave) {
  struct Counter : callbacks::Definition {
    explicit Counter(int crash) : crash_at(crash) {}
    void on_train_batch_end(std::int64_t, const Logs&) override {
      if (++count == crash_at) throw std::runtime_error("crash");
    }
    callbacks::SavedState save_state() const override { return {{{"count", count}}, {{"t", full({2}, 1.5)}}}; }
    void restore_state(const callbacks::SavedState& s) override {
      count = static_cast<int>(s.values.at("count").as_int());
      EXPECT_EQ(s.tensors.at(0).second.at<float>(1), 1.5f);
    }
    int crash_at, count = 0;
  };
  TrainingProgram program{.folder = made("own")};
  program.extra = {callbacks::make<Counter>(16)};
  EXPECT_THROW(program.run(), std::runtime_error);
  auto second = std::make_shared<Counter>(-1);
  program.extra = {Callback(second)};
  program.run();
  EXPECT_EQ(second->count, 28);
  program.delete_checkpoint = false;
  program.run();
  program.extra = {};
  EXPECT_ERROR(program.run(), "with the callback Counter");
}

}  // namespace
}  // namespace strata
