#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/config.h"
#include "core/device/tensor.h"
#include "models/logs.h"

namespace strata {

class Model;

namespace callbacks {

/// What a callback may know of the run it belongs to.
struct RunInfo {
  int epochs = 1;
  std::int64_t steps = -1;  ///< of an epoch; -1 when the data does not tell
  int verbose = 1;
  /// The run goes on where an earlier one ended (BackupAndRestore): restore_state follows on_train_begin.
  bool resumed = false;
  /// Empty if the data comes again in the same order when the program is started again; otherwise why not.
  std::string why_unrepeatable = {};
};

/// Named numbers and texts, and named tensors: what a callback, or a whole run, must remember to go on later.
struct SavedState {
  Config values = {};
  std::vector<std::pair<std::string, Tensor>> tensors = {};
  std::string origin = {};  ///< the file it comes from, for errors
};

/// A moment between two steps at which all callbacks have seen what happened, so that the run can be saved.
struct SafePoint {
  enum class Kind {
    batch,        ///< a step is done
    epoch,        ///< an epoch is done, its validation too
    interrupted,  ///< fit ends early because FitOptions::stop was requested
    completed,    ///< fit ends
  };
  Kind kind;
  /// Weights, optimizer, random streams, metrics, callbacks, history and position. The tensors share memory with the
  /// model and are valid until the next step.
  std::function<SavedState()> save;
};

/// Derive from it and override what you need. Epochs and batches count from 0. A callback may stop training by
/// stop_training(). on_*_batch_end with `logs` unread costs nothing.
class STRATA_API Definition {
 public:
  virtual ~Definition();
  virtual void on_train_begin() {}
  virtual void on_train_end(const Logs& /*logs*/) {}
  virtual void on_epoch_begin(int /*epoch*/) {}
  virtual void on_epoch_end(int /*epoch*/, const Logs& /*logs*/) {}
  /// Called before the others see the epoch's logs: a callback that adds to them (`learning_rate`).
  virtual void add_logs(int /*epoch*/, Logs& /*logs*/) {}
  virtual void on_train_batch_begin(std::int64_t /*batch*/) {}
  virtual void on_train_batch_end(std::int64_t /*batch*/, const Logs& /*logs*/) {}
  virtual void on_test_begin() {}
  virtual void on_test_end(const Logs& /*logs*/) {}
  virtual void on_test_batch_begin(std::int64_t /*batch*/) {}
  virtual void on_test_batch_end(std::int64_t /*batch*/, const Logs& /*logs*/) {}
  virtual void on_predict_begin() {}
  virtual void on_predict_end() {}
  virtual void on_predict_batch_begin(std::int64_t /*batch*/) {}
  virtual void on_predict_batch_end(std::int64_t /*batch*/) {}

  /// What must be remembered for a run that goes on later to do what it would have done at once: counters, best values.
  virtual SavedState save_state() const { return {}; }
  /// Takes what save_state gave back, after on_train_begin of a run that goes on. What had been announced before (the
  /// beginning of a half-done epoch, too) is not announced again.
  virtual void restore_state(const SavedState& /*state*/) {}
  /// An earlier run to go on with, nothing to start anew. fit asks first of all; the first callback with an answer
  /// decides.
  virtual std::optional<SavedState> earlier_run() { return std::nullopt; }
  virtual void on_safe_point(const SafePoint& /*point*/) {}
  /// It only writes down what all replicas know: of several processes that train a model the first one alone runs it.
  virtual bool only_writes() const { return false; }

  /// Set by fit before on_train_begin; the model of the run.
  void attach(Model* model, const RunInfo& info);
  Model& model() const;
  const RunInfo& info() const { return info_; }
  /// Training ends after the current batch (from a batch hook) or epoch.
  void stop_training() { stop_ = true; }
  bool wants_stop() const { return stop_; }

 private:
  Model* model_ = nullptr;
  RunInfo info_;
  bool stop_ = false;
};

}  // namespace callbacks

/// A handle on a callback.
class STRATA_API Callback {
 public:
  Callback() = default;
  explicit Callback(std::shared_ptr<callbacks::Definition> definition) : definition_(std::move(definition)) {}
  callbacks::Definition* operator->() const { return definition_.get(); }
  callbacks::Definition& operator*() const { return *definition_; }

 private:
  std::shared_ptr<callbacks::Definition> definition_;
};
using Callbacks = std::vector<Callback>;

namespace callbacks {

/// A handle on a callback of a class of one's own: `callbacks::make<PrintEvery>(3)`.
template <class T, class... A>
Callback make(A&&... arguments) {
  return Callback(std::make_shared<T>(std::forward<A>(arguments)...));
}

/// Whether a monitored value should fall or rise. `auto_` asks the metric; error when it cannot tell (Keras's message).
enum class Direction { auto_, min, max };
/// "auto", "min" or "max"; error for others.
STRATA_API Direction direction_from_string(const std::string& mode);

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0;
  int patience = 0;
  int verbose = 0;
  std::string mode = "auto";
  std::optional<double> baseline = {};
  bool restore_best_weights = false;
  int start_from_epoch = 0;
};
/// Stops when `monitor` has not improved by more than min_delta for `patience` epochs (Keras's rules: keras.io, 3.x).
STRATA_API Callback EarlyStopping(const EarlyStoppingOptions& = {});

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;
  int patience = 10;
  int verbose = 0;
  std::string mode = "auto";
  double min_delta = 1e-4;
  int cooldown = 0;
  double min_lr = 0;
};
STRATA_API Callback ReduceLROnPlateau(const ReduceLROnPlateauOptions& = {});

struct LearningRateSchedulerOptions {
  int verbose = 0;
};
/// schedule(epoch, current rate) -> rate, before each epoch.
STRATA_API Callback LearningRateScheduler(std::function<double(int, double)> schedule,
                                          const LearningRateSchedulerOptions& = {});

/// How often a callback acts: "epoch", "batch", or every so many batches (counted across epochs).
class STRATA_API Frequency {
 public:
  /// Error for other words.
  Frequency(std::string_view when);
  Frequency(const char* when) : Frequency(std::string_view(when)) {}
  /// Error below 1.
  template <std::integral I>
  Frequency(I batches) : batches_(static_cast<std::int64_t>(batches)) {
    check();
  }
  bool every_epoch() const { return batches_ == 0; }
  std::int64_t batches() const { return batches_; }

 private:
  void check() const;
  std::int64_t batches_;  // 0: every epoch
};

struct ModelCheckpointOptions {
  std::string monitor = "val_loss";
  int verbose = 0;
  bool save_best_only = false;
  bool save_weights_only = false;
  std::string mode = "auto";
  Frequency save_freq = "epoch";
  std::optional<double> initial_value_threshold = {};
};
/// Saves the model, or its weights, as training goes on. `filepath` ends in `.keras` or `.h5`, or in `.weights.h5` with
/// save_weights_only (error, Keras's message, otherwise); missing folders are made. It may hold the number of the epoch
/// (from 1) and any log, with a format: "{epoch:02d}-{val_loss:.2f}.keras"; `{batch}` (from 1) if save_freq counts
/// batches. With save_best_only it saves only when `monitor` is better than it ever was, initial_value_threshold
/// included; without that log it saves, and says so on stderr.
STRATA_API Callback ModelCheckpoint(const std::string& filepath, const ModelCheckpointOptions& = {});

struct BackupAndRestoreOptions {
  Frequency save_freq = "epoch";
  bool double_checkpoint = false;
  bool delete_checkpoint = true;
};
/// A run that is killed at any moment and started again, by the same program with as many threads, ends as if it had
/// not been: weights, optimizer, random streams, history and the files of the other callbacks are the same, bit for bit
/// (TensorBoard's hold some events twice). All that the run consists of is written to `backup_dir`/backup.h5 after each
/// epoch or each save_freq batches, and when FitOptions::stop ends the run. A fit that finds the file goes on from
/// there (initial_epoch is not looked at then), and deletes it when it is done, unless delete_checkpoint is false. With
/// double_checkpoint the backup before the last one is kept as well, and is used when the last one cannot be read.
///
/// A folder serves one fit. A backup of another model, optimizer or data is an error that says what differs; so is,
/// before training starts, a Dataset whose order no other process can repeat (Dataset::why_unrepeatable).
STRATA_API Callback BackupAndRestore(const std::string& backup_dir, const BackupAndRestoreOptions& = {});

struct TensorBoardOptions {
  int histogram_freq = 0;  ///< epochs between histograms of all weights; 0: none
  bool write_graph = true;
  bool write_images = false;  ///< the weights as images, too; wants a histogram_freq
  bool write_steps_per_second = false;
  Frequency update_freq = "epoch";
  bool write_memory = false;  ///< not in Keras: bytes in use on the device, the most that ever were, its load
};
/// Writes event files for TensorBoard to `log_dir`/train and `log_dir`/validation, with Keras's tags: at step = epoch
/// `epoch_<log>`, `epoch_learning_rate`, `epoch_steps_per_second`, `epoch_memory_in_use`, `epoch_peak_memory_in_use`,
/// `epoch_load` (percent), `<variable path>/histogram` and `.../image`; at each update_freq-th batch, counted from
/// 1, `batch_<log>` and `batch_steps_per_second`; at the optimizer's step `evaluation_<log>_vs_iterations`; once
/// `keras`, the model's config, and the graph of its layers. A run that goes on starts new files beside the old ones;
/// what was trained twice is there twice, with equal values. Keras's profile_batch and embeddings_freq are not here.
STRATA_API Callback TensorBoard(const std::string& log_dir = "logs", const TensorBoardOptions& = {});

struct CSVLoggerOptions {
  std::string separator = ",";
  bool append = false;
};
/// One line per epoch, written as it ends. Error naming the file when it cannot be written.
STRATA_API Callback CSVLogger(const std::string& filename, const CSVLoggerOptions& = {});

struct TerminateOnNaNOptions {
  bool raise_error = false;
};
STRATA_API Callback TerminateOnNaN(const TerminateOnNaNOptions& = {});

struct LambdaCallbackOptions {
  std::function<void(int epoch)> on_epoch_begin = {};
  std::function<void(int epoch, const Logs&)> on_epoch_end = {};
  std::function<void()> on_train_begin = {};
  std::function<void(const Logs&)> on_train_end = {};
  std::function<void(std::int64_t batch)> on_train_batch_begin = {};
  std::function<void(std::int64_t batch, const Logs&)> on_train_batch_end = {};
};
STRATA_API Callback LambdaCallback(const LambdaCallbackOptions&);

}  // namespace callbacks

}  // namespace strata
