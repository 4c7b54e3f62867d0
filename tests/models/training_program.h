// One small training program with everything that a run consists of: weights, moving statistics, dropout, an optimizer
// with state, shuffled data, validation, callbacks that remember. The tests of resuming run it, break it off, and run
// it again.
#pragma once

#include <strata/strata.h>

#include <filesystem>
#include <string>

namespace strata::testing {

struct TrainingProgram {
  std::filesystem::path folder = {};
  int epochs = 4;
  callbacks::Frequency save_freq = "epoch";
  bool dataset = false;  ///< a data::Dataset instead of tensors
  std::int64_t steps_per_epoch = -1;
  int patience = 100;  ///< of EarlyStopping
  Callbacks extra = {};
  std::stop_token stop = {};
  bool delete_checkpoint = true, double_checkpoint = false;
  // What a test changes to make it another program.
  std::int64_t units = 16, batch_size = 16;
  double beta_1 = 0.9;
  std::uint64_t data_seed = 77;
  bool use_ema = false;

  struct Result {
    Tensors weights, optimizer;
    History history;
    double next_random = 0;  ///< of the process's random sequence, after the run
  };

  Result run() const {
    reset_names();
    utils::set_random_seed(data_seed);
    const std::int64_t samples = 100;
    const Tensor x = random::normal({samples, 5});
    const Tensor y = cast(greater(sum(x, {-1}), 0.0f), DType::i32);
    utils::set_random_seed(3);
    Sequential model({layers::Input({5}), layers::Dense(units, {.activation = "relu"}), layers::BatchNormalization(),
                      layers::Dropout(0.3), layers::Dense(2, {.activation = "softmax"})});
    model.compile({.optimizer = optimizers::Adam(
                       {.learning_rate = 0.02, .beta_1 = beta_1, .use_ema = use_ema, .ema_momentum = 0.9}),
                   .loss = "sparse_categorical_crossentropy",
                   .metrics = {"accuracy"}});
    Callbacks all = {
        callbacks::BackupAndRestore(
            (folder / "backup").string(),
            {.save_freq = save_freq, .double_checkpoint = double_checkpoint, .delete_checkpoint = delete_checkpoint}),
        callbacks::EarlyStopping({.patience = patience, .restore_best_weights = true}),
        callbacks::ReduceLROnPlateau({.factor = 0.5, .patience = 1, .min_delta = 0.05}),
        callbacks::CSVLogger((folder / "log.csv").string()),
        callbacks::ModelCheckpoint((folder / "best.weights.h5").string(),
                                   {.save_best_only = true, .save_weights_only = true})};
    all.insert(all.end(), extra.begin(), extra.end());
    FitOptions options{.epochs = epochs,
                       .verbose = 0,
                       .callbacks = all,
                       .validation_data = ValidationData(x, y),
                       .steps_per_epoch = steps_per_epoch,
                       .stop = stop};
    Result result;
    if (dataset) {
      const data::Dataset rows = data::Dataset::from_tensors({x}, {y}).shuffle(64, {.seed = 5});
      result.history = model.fit((steps_per_epoch > 0 ? rows.repeat() : rows).batch(batch_size).prefetch(2), options);
    } else {
      options.batch_size = batch_size;
      result.history = model.fit(x, y, options);
    }
    result.weights = model.get_weights();
    for (const Variable& v : model.optimizer().variables()) result.optimizer.push_back(v.value().clone());
    result.next_random = random::uniform({1}, 0, 1).item<double>();
    return result;
  }
};

}  // namespace strata::testing
