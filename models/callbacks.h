#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "models/logs.h"

namespace strata {

class Model;

namespace callbacks {

/// What a callback may know of the run it belongs to.
struct RunInfo {
  int epochs = 1;
  std::int64_t steps = -1;  ///< of an epoch; -1 when the data does not tell
  int verbose = 1;
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
STRATA_API Callback LearningRateScheduler(std::function<double(int, double)> schedule, const LearningRateSchedulerOptions& = {});

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
