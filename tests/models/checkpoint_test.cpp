#include <gtest/gtest.h>
#include <strata/strata.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

/// Gives the epochs' logs the values that a test wants.
struct Scripted : callbacks::Definition {
  Scripted(std::string name, std::vector<double> values) : name_(std::move(name)), values_(std::move(values)) {}
  void add_logs(int epoch, Logs& logs) override { logs.set(name_, values_.at(static_cast<std::size_t>(epoch))); }
  std::string name_;
  std::vector<double> values_;
};

class Checkpoint : public strata::testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    model_ = Sequential({layers::Input({2}), layers::Dense(1)});
    model_.compile({.optimizer = "sgd", .loss = "mse", .metrics = {"mae"}});
  }

  /// Trains with the checkpoint; 4 batches an epoch. Returns what was printed.
  std::string fit(const Callback& checkpoint, const std::string& log, const std::vector<double>& values) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    model_.fit(x_, y_,
               {.batch_size = 2,
                .epochs = static_cast<int>(values.size()),
                .verbose = 0,
                .callbacks = {callbacks::make<Scripted>(log, values), checkpoint}});
    errors_ = ::testing::internal::GetCapturedStderr();
    return ::testing::internal::GetCapturedStdout();
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), folder_).string());
    std::sort(names.begin(), names.end());
    return names;
  }

  Sequential model_;
  Tensor x_ = random::normal({8, 2}), y_ = random::normal({8, 1});
  std::string errors_;
};

// The messages are those of Keras 3.15.1.
TEST_F(Checkpoint, SavesOnlyWhatIsBetter) {
  const std::string file = path("best.weights.h5");
  const auto printed =
      fit(callbacks::ModelCheckpoint(file, {.verbose = 1, .save_best_only = true, .save_weights_only = true}),
          "val_loss", {0.12, 0.12, 0.11});
  EXPECT_EQ(printed, "\nEpoch 1: val_loss improved from None to 0.12000, saving model to " + file +
                         "\n\nEpoch 1: finished saving model to " + file +
                         "\n\nEpoch 2: val_loss did not improve from 0.12000\n"
                         "\nEpoch 3: val_loss improved from 0.12000 to 0.11000, saving model to " +
                         file + "\n\nEpoch 3: finished saving model to " + file + "\n");
  const Tensor trained = model_.get_weights()[0].clone();
  model_.fit(x_, y_, {.verbose = 0});
  model_.load_weights(file);
  EXPECT_EQ(model_.get_weights()[0].at<float>(0), trained.at<float>(0));
}

TEST_F(Checkpoint, SavesWholeModelsEveryEpochUnderNamesWithLogs) {
  fit(callbacks::ModelCheckpoint(path("new/{epoch:02d}-{val_mae:.2f}.keras")), "val_mae", {0.126, 1});
  EXPECT_EQ(files(), (std::vector<std::string>{"new/01-0.13.keras", "new/02-1.00.keras"}));
  Model again = load_model(path("new/02-1.00.keras"));
  EXPECT_EQ(Tensor(again.predict(x_)).at<float>(3), Tensor(model_.predict(x_)).at<float>(3));
  EXPECT_ERROR(fit(callbacks::ModelCheckpoint(path("{batch}.keras")), "val_mae", {1}), "'batch' is not one of 'epoch'");
  ::testing::internal::GetCapturedStdout();
  ::testing::internal::GetCapturedStderr();
}

TEST_F(Checkpoint, CountsBatchesAcrossEpochs) {
  const auto printed = fit(callbacks::ModelCheckpoint(path("{epoch}-{batch}.weights.h5"),
                                                      {.verbose = 1, .save_weights_only = true, .save_freq = 3}),
                           "val_loss", {1, 1, 1});
  EXPECT_EQ(files(),
            (std::vector<std::string>{"1-3.weights.h5", "2-2.weights.h5", "3-1.weights.h5", "3-4.weights.h5"}));
  EXPECT_TRUE(
      printed.starts_with("\nEpoch 1: saving model to " + path("1-3.weights.h5") + "\n\nEpoch 1: finished saving"))
      << printed;
}

TEST_F(Checkpoint, KnowsWhichWayIsBetter) {
  const auto saved = [&](const std::string& log, const callbacks::ModelCheckpointOptions& o,
                         const std::vector<double>& values) {
    const auto printed = fit(callbacks::ModelCheckpoint(path("m.weights.h5"), o), log, values);
    std::size_t count = 0, at = 0;
    while ((at = printed.find("finished", at)) != std::string::npos) ++count, ++at;
    return count;
  };
  EXPECT_EQ(saved("val_mae", {.monitor = "val_mae", .verbose = 1, .save_best_only = true, .save_weights_only = true},
                  {3, 4, 2}),
            2u);
  EXPECT_EQ(
      saved("own", {.monitor = "own", .verbose = 1, .save_best_only = true, .save_weights_only = true, .mode = "max"},
            {3, 4, 2}),
      2u);
  EXPECT_EQ(saved("val_loss",
                  {.verbose = 1, .save_best_only = true, .save_weights_only = true, .initial_value_threshold = 2.5},
                  {3, 2.6, 2.4}),
            1u);
  EXPECT_EQ(saved("other", {.verbose = 1, .save_best_only = true, .save_weights_only = true}, {3, 4}), 2u);
  EXPECT_EQ(errors_,
            "Can save best model only with val_loss available.\nCan save best model only with val_loss available.\n");
  EXPECT_ERROR(fit(callbacks::ModelCheckpoint(path("m.keras"), {.monitor = "own", .save_best_only = true}), "own", {3}),
               "isn't able to automatically determine");
  ::testing::internal::GetCapturedStdout();
  ::testing::internal::GetCapturedStderr();
}

TEST_F(Checkpoint, RefusesWhatCannotBeWritten) {
  EXPECT_ERROR(callbacks::ModelCheckpoint("x"),
               "The filepath provided must end in `.keras` (Keras model format). Received: filepath=x");
  EXPECT_ERROR(callbacks::ModelCheckpoint("x.h5", {.save_weights_only = true}),
               "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
               "`.weights.h5` (Keras weights "
               "format). Received: filepath=x.h5");
  EXPECT_ERROR(callbacks::ModelCheckpoint("x.keras", {.mode = "foo"}),
               "expected 'auto', 'min' or 'max'; received 'foo'");
  EXPECT_ERROR(callbacks::ModelCheckpoint("x.keras", {.save_freq = "step"}), "received 'step'");
  fs::create_directories(path("there.keras"));
  EXPECT_ERROR(fit(callbacks::ModelCheckpoint(path("there.keras")), "val_loss", {1}),
               "Filepath used is an existing directory");
  ::testing::internal::GetCapturedStdout();
  ::testing::internal::GetCapturedStderr();
}

}  // namespace
}  // namespace strata
