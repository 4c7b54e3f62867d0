// ReduceLROnPlateau and LearningRateScheduler. The rate itself is a variable of the optimizer: a saved run holds it.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "models/callbacks/monitor.h"
#include "models/model.h"

namespace strata::callbacks {

namespace {
class ReduceLROnPlateauCallback final : public Definition {
 public:
  explicit ReduceLROnPlateauCallback(const ReduceLROnPlateauOptions& o)
      : o_(o), monitor_("ReduceLROnPlateau", o.monitor, direction_from_string(o.mode), o.min_delta) {
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
      std::fprintf(
          stderr,
          "Learning rate reduction is conditioned on metric `%s` which is not available. Available metrics are: %s.\n",
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

  SavedState save_state() const override {
    return {{{"wait", wait_}, {"cooldown", cooldown_}, {"best", optional_value(best_)}}, {}};
  }
  void restore_state(const SavedState& state) override {
    wait_ = static_cast<int>(state.values.at("wait").as_int());
    cooldown_ = static_cast<int>(state.values.at("cooldown").as_int());
    best_ = optional_double(state.values.at("best"));
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
  SchedulerCallback(std::function<double(int, double)> schedule, int verbose)
      : schedule_(std::move(schedule)), verbose_(verbose) {}
  void on_epoch_begin(int epoch) override {
    Optimizer optimizer = model().optimizer();
    const double rate = schedule_(epoch, optimizer.learning_rate());
    if (!std::isfinite(rate))
      fail_expected("LearningRateScheduler", "a finite learning rate from the schedule", std::to_string(rate));
    optimizer.set_learning_rate(rate);
    if (verbose_ > 0)
      std::printf("\nEpoch %d: LearningRateScheduler setting learning rate to %s.\n", epoch + 1,
                  float32_text(rate).c_str());
  }
  void add_logs(int, Logs& logs) override { logs.set("learning_rate", model().optimizer().learning_rate()); }

 private:
  std::function<double(int, double)> schedule_;
  int verbose_;
};
}  // namespace

Callback ReduceLROnPlateau(const ReduceLROnPlateauOptions& o) { return make<ReduceLROnPlateauCallback>(o); }
Callback LearningRateScheduler(std::function<double(int, double)> schedule, const LearningRateSchedulerOptions& o) {
  return make<SchedulerCallback>(std::move(schedule), o.verbose);
}

}  // namespace strata::callbacks
