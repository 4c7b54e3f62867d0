#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "models/callbacks/monitor.h"
#include "models/callbacks/path_template.h"
#include "models/model.h"

namespace strata::callbacks {

namespace {
void check_filepath(const std::string& path, bool weights_only) {
  if (weights_only && !path.ends_with(".weights.h5"))
    throw Error("ModelCheckpoint",
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
                "`.weights.h5` (Keras weights format). Received: filepath=" +
                    path);
  if (!weights_only && !path.ends_with(".keras") && !path.ends_with(".h5"))
    throw Error("ModelCheckpoint",
                "The filepath provided must end in `.keras` (Keras model format). Received: filepath=" + path);
}

class ModelCheckpointCallback final : public Definition {
 public:
  ModelCheckpointCallback(std::string filepath, const ModelCheckpointOptions& o)
      : filepath_(std::move(filepath)),
        o_(o),
        monitor_("ModelCheckpoint", o.monitor, direction_from_string(o.mode), 0),
        every_(o.save_freq),
        best_(o.initial_value_threshold) {
    check_filepath(filepath_, o_.save_weights_only);
  }

  bool only_writes() const override { return true; }

  // As in Keras, the best value so far outlives a run.
  void on_train_begin() override { monitor_.start(); }
  void on_epoch_begin(int epoch) override { epoch_ = epoch; }

  void on_train_batch_end(std::int64_t batch, const Logs& logs) override {
    if (!every_.batch_due()) return;
    save(path_of(logs, {{"epoch", std::int64_t{epoch_ + 1}}, {"batch", batch + 1}}), logs);
  }
  void on_epoch_end(int epoch, const Logs& logs) override {
    if (every_.epoch_due()) save(path_of(logs, {{"epoch", std::int64_t{epoch + 1}}}), logs);
  }

  SavedState save_state() const override {
    return {{{"epoch", epoch_}, {"best", optional_value(best_)}, {"batches", every_.seen()}}, {}};
  }
  void restore_state(const SavedState& state) override {
    epoch_ = static_cast<int>(state.values.at("epoch").as_int());
    best_ = optional_double(state.values.at("best"));
    every_.set_seen(state.values.at("batches").as_int());
  }

 private:
  std::string path_of(const Logs& logs, PathValues values) const {
    if (filepath_.find_first_of("{}") == std::string::npos) return filepath_;  // then the logs need not be read
    for (const auto& [name, value] : logs) values.emplace_back(name, value);
    return fill_path(filepath_, values);
  }

  /// Says what it does when it is verbose, and remembers the best value.
  bool is_due(const std::string& path, const Logs& logs) {
    if (!o_.save_best_only) {
      say("saving model to " + path);
      return true;
    }
    monitor_.resolve(model());
    if (!logs.contains(o_.monitor)) {
      std::fprintf(stderr, "Can save best model only with %s available.\n", o_.monitor.c_str());
      return true;
    }
    const double current = logs[o_.monitor];
    const std::string best = best_ ? fmt::format("{:.5f}", *best_) : "None";
    if (best_ && !monitor_.improved(current, *best_)) {
      say(o_.monitor + " did not improve from " + best);
      return false;
    }
    say(fmt::format("{} improved from {} to {:.5f}, saving model to {}", o_.monitor, best, current, path));
    best_ = current;
    return true;
  }

  void save(const std::string& path, const Logs& logs) {
    if (!is_due(path, logs)) return;
    const std::filesystem::path file(path);
    std::error_code error;
    if (std::filesystem::is_directory(file, error))
      throw Error(
          "ModelCheckpoint",
          "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an existing directory: " +
              path);
    if (file.has_parent_path())
      std::filesystem::create_directories(file.parent_path(), error);  // what fails here fails below
    if (o_.save_weights_only)
      model().save_weights(path);
    else
      model().save(path);
    say("finished saving model to " + path);
  }

  void say(const std::string& what) const {
    if (o_.verbose > 0) std::printf("\nEpoch %d: %s\n", epoch_ + 1, what.c_str());
  }

  std::string filepath_;
  ModelCheckpointOptions o_;
  Monitor monitor_;
  Every every_;
  std::optional<double> best_;
  int epoch_ = 0;
};
}  // namespace

Callback ModelCheckpoint(const std::string& filepath, const ModelCheckpointOptions& o) {
  return make<ModelCheckpointCallback>(filepath, o);
}

}  // namespace strata::callbacks
