#include <cstdio>

#include "models/callbacks/monitor.h"
#include "models/model.h"

namespace strata::callbacks {

namespace {
class EarlyStoppingCallback final : public Definition {
 public:
  explicit EarlyStoppingCallback(const EarlyStoppingOptions& o)
      : o_(o), monitor_("EarlyStopping", o.monitor, direction_from_string(o.mode), o.min_delta) {}

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
      std::fprintf(stderr,
                   "Early stopping conditioned on metric `%s` which is not available. Available metrics are: %s\n",
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

  SavedState save_state() const override {
    SavedState state{{{"wait", wait_},
                      {"stopped_epoch", stopped_epoch_},
                      {"best_epoch", best_epoch_},
                      {"best", optional_value(best_)}},
                     {}};
    for (std::size_t i = 0; i < best_weights_.size(); ++i)
      state.tensors.emplace_back(std::to_string(i), best_weights_[i]);
    return state;
  }
  void restore_state(const SavedState& state) override {
    wait_ = static_cast<int>(state.values.at("wait").as_int());
    stopped_epoch_ = static_cast<int>(state.values.at("stopped_epoch").as_int());
    best_epoch_ = static_cast<int>(state.values.at("best_epoch").as_int());
    best_ = optional_double(state.values.at("best"));
    best_weights_.clear();
    for (const auto& [name, weight] : state.tensors) best_weights_.push_back(weight);
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
}  // namespace

Callback EarlyStopping(const EarlyStoppingOptions& o) { return make<EarlyStoppingCallback>(o); }

}  // namespace strata::callbacks
