#include "models/callbacks.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "models/model.h"
#include "models/trainer.h"

namespace strata::callbacks {

Definition::~Definition() = default;

void Definition::attach(Model* model, const RunInfo& info) {
  model_ = model;
  info_ = info;
  stop_ = false;
}

Model& Definition::model() const {
  if (model_ == nullptr) throw Error("callback", "has no model: it is not part of a run");
  return *model_;
}

Direction direction_from_string(const std::string& mode) {
  if (mode == "auto") return Direction::auto_;
  if (mode == "min") return Direction::min;
  if (mode == "max") return Direction::max;
  fail_expected("callback: mode", "'auto', 'min' or 'max'", "'" + mode + "'");
}

namespace {
/// What EarlyStopping and ReduceLROnPlateau share: a monitored log, and whether it improved.
class Monitor {
 public:
  Monitor(std::string callback, std::string log, const std::string& mode, double min_delta)
      : callback_(std::move(callback)), log_(std::move(log)), asked_(direction_from_string(mode)), min_delta_(std::fabs(min_delta)) {}

  void start() {
    larger_.reset();
    if (asked_ != Direction::auto_) larger_ = asked_ == Direction::max;
  }

  /// Error when the direction cannot be told.
  void resolve(const Model& model) {
    if (larger_) return;
    const std::string name = log_.starts_with("val_") ? log_.substr(4) : log_;
    if (name == "loss" || name.ends_with("_loss")) {
      larger_ = false;
    } else {
      larger_ = model.definition().trainer->larger_is_better(name);
    }
    if (!larger_)
      throw Error(callback_, callback_ + " callback received monitor=" + log_ +
                                 ", but Strata isn't able to automatically determine whether that metric should be maximized or "
                                 "minimized. Pass `mode='max'` in order to do early stopping based on the highest metric value, or "
                                 "pass `mode='min'` in order to use the lowest value.");
  }

  double worst() const { return *larger_ ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity(); }
  bool improved(double value, double best) const { return *larger_ ? value - min_delta_ > best : value + min_delta_ < best; }
  const std::string& log() const { return log_; }

 private:
  std::string callback_, log_;
  Direction asked_;
  double min_delta_;
  std::optional<bool> larger_;
};

class EarlyStoppingCallback final : public Definition {
 public:
  explicit EarlyStoppingCallback(const EarlyStoppingOptions& o)
      : o_(o), monitor_("EarlyStopping", o.monitor, o.mode, o.min_delta) {}

  void on_train_begin() override {
    monitor_.start();
    wait_ = 0;
    stopped_epoch_ = 0;
    best_epoch_ = 0;
    best_.reset();
    best_weights_.clear();
  }

  void on_epoch_end(int epoch, const Logs& logs) override {
    monitor_.resolve(model());
    if (!logs.contains(o_.monitor)) {
      std::fprintf(stderr, "Early stopping conditioned on metric `%s` which is not available. Available metrics are: %s\n",
                   o_.monitor.c_str(), logs.names().c_str());
      return;
    }
    if (epoch < o_.start_from_epoch) return;
    const double current = logs[o_.monitor];
    if (o_.restore_best_weights && best_weights_.empty()) remember(epoch);
    ++wait_;
    if (monitor_.improved(current, best_.value_or(monitor_.worst()))) {
      best_ = current;
      if (o_.restore_best_weights) remember(epoch);
      best_epoch_ = epoch;
      if (!o_.baseline || monitor_.improved(current, *o_.baseline)) wait_ = 0;
      return;
    }
    if (wait_ >= o_.patience && epoch > 0) {
      stopped_epoch_ = epoch;
      stop_training();
    }
  }

  void on_train_end(const Logs&) override {
    if (stopped_epoch_ > 0 && o_.verbose > 0) std::printf("Epoch %d: early stopping\n", stopped_epoch_ + 1);
    if (!o_.restore_best_weights || best_weights_.empty()) return;
    if (o_.verbose > 0) std::printf("Restoring model weights from the end of the best epoch: %d.\n", best_epoch_ + 1);
    model().set_weights(best_weights_);
  }

 private:
  void remember(int epoch) {
    best_weights_ = model().get_weights();
    best_epoch_ = epoch;
  }

  EarlyStoppingOptions o_;
  Monitor monitor_;
  int wait_ = 0, stopped_epoch_ = 0, best_epoch_ = 0;
  std::optional<double> best_;
  Tensors best_weights_;
};

/// Python prints a float32 with all the digits of its double value.
std::string float32_text(double v) { return fmt::format("{}", static_cast<double>(static_cast<float>(v))); }

class ReduceLROnPlateauCallback final : public Definition {
 public:
  explicit ReduceLROnPlateauCallback(const ReduceLROnPlateauOptions& o)
      : o_(o), monitor_("ReduceLROnPlateau", o.monitor, o.mode, o.min_delta) {
    if (o.factor >= 1) fail_expected("ReduceLROnPlateau: factor", "a factor below 1", std::to_string(o.factor));
  }

  void on_train_begin() override {
    monitor_.start();
    wait_ = cooldown_ = 0;
    best_.reset();
  }

  void add_logs(int, Logs& logs) override { logs.set("learning_rate", model().optimizer().learning_rate()); }

  void on_epoch_end(int epoch, const Logs& logs) override {
    monitor_.resolve(model());
    if (!logs.contains(o_.monitor)) {
      std::fprintf(stderr, "Learning rate reduction is conditioned on metric `%s` which is not available. Available metrics are: %s.\n",
                   o_.monitor.c_str(), logs.names().c_str());
      return;
    }
    const double current = logs[o_.monitor];
    if (cooldown_ > 0) {
      --cooldown_;
      wait_ = 0;
    }
    if (monitor_.improved(current, best_.value_or(monitor_.worst()))) {
      best_ = current;
      wait_ = 0;
    } else if (cooldown_ == 0 && ++wait_ >= o_.patience) {
      reduce(epoch);
    }
  }

 private:
  void reduce(int epoch) {
    Optimizer optimizer = model().optimizer();
    const double old = optimizer.learning_rate();
    if (old <= static_cast<double>(static_cast<float>(o_.min_lr))) return;
    optimizer.set_learning_rate(std::max(old * o_.factor, o_.min_lr));
    if (o_.verbose > 0)
      std::printf("\nEpoch %d: ReduceLROnPlateau reducing learning rate to %s.\n", epoch + 1,
                  float32_text(optimizer.learning_rate()).c_str());
    cooldown_ = o_.cooldown;
    wait_ = 0;
  }

  ReduceLROnPlateauOptions o_;
  Monitor monitor_;
  int wait_ = 0, cooldown_ = 0;
  std::optional<double> best_;
};

class SchedulerCallback final : public Definition {
 public:
  SchedulerCallback(std::function<double(int, double)> schedule, int verbose) : schedule_(std::move(schedule)), verbose_(verbose) {}
  void on_epoch_begin(int epoch) override {
    Optimizer optimizer = model().optimizer();
    const double rate = schedule_(epoch, optimizer.learning_rate());
    if (!std::isfinite(rate)) fail_expected("LearningRateScheduler", "a finite learning rate from the schedule", std::to_string(rate));
    optimizer.set_learning_rate(rate);
    if (verbose_ > 0)
      std::printf("\nEpoch %d: LearningRateScheduler setting learning rate to %s.\n", epoch + 1, float32_text(rate).c_str());
  }
  void add_logs(int, Logs& logs) override { logs.set("learning_rate", model().optimizer().learning_rate()); }

 private:
  std::function<double(int, double)> schedule_;
  int verbose_;
};

class TerminateOnNaNCallback final : public Definition {
 public:
  explicit TerminateOnNaNCallback(bool raise) : raise_(raise) {}
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override {
    if (!logs.contains("loss") || std::isfinite(logs["loss"])) return;
    const std::string what = "Batch " + std::to_string(batch) + ": Invalid loss, terminating training";
    if (raise_) throw Error("TerminateOnNaN", what + ". debugging::enable_check_numerics() finds the layer that produced it");
    std::printf("%s\n", what.c_str());
    stop_training();
  }

 private:
  bool raise_;
};

class Lambda final : public Definition {
 public:
  explicit Lambda(const LambdaCallbackOptions& o) : o_(o) {}
  void on_epoch_begin(int epoch) override { call(o_.on_epoch_begin, epoch); }
  void on_epoch_end(int epoch, const Logs& logs) override { call(o_.on_epoch_end, epoch, logs); }
  void on_train_begin() override { call(o_.on_train_begin); }
  void on_train_end(const Logs& logs) override { call(o_.on_train_end, logs); }
  void on_train_batch_begin(std::int64_t batch) override { call(o_.on_train_batch_begin, batch); }
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override { call(o_.on_train_batch_end, batch, logs); }

 private:
  template <class F, class... A>
  static void call(const F& f, const A&... a) {
    if (f) f(a...);
  }
  LambdaCallbackOptions o_;
};
}  // namespace

Callback EarlyStopping(const EarlyStoppingOptions& o) { return make<EarlyStoppingCallback>(o); }
Callback ReduceLROnPlateau(const ReduceLROnPlateauOptions& o) { return make<ReduceLROnPlateauCallback>(o); }
Callback LearningRateScheduler(std::function<double(int, double)> schedule, const LearningRateSchedulerOptions& o) {
  return make<SchedulerCallback>(std::move(schedule), o.verbose);
}
Callback TerminateOnNaN(const TerminateOnNaNOptions& o) { return make<TerminateOnNaNCallback>(o.raise_error); }
Callback LambdaCallback(const LambdaCallbackOptions& o) { return make<Lambda>(o); }

}  // namespace strata::callbacks
