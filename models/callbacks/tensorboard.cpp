#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "core/base/json.h"
#include "core/ops/ops.h"
#include "models/callbacks/monitor.h"
#include "models/device_load.h"
#include "models/functional.h"
#include "models/model.h"
#include "models/model_config.h"
#include "models/tensorboard/event_file.h"
#include "models/trainer.h"

namespace strata::callbacks {

namespace {
using Clock = std::chrono::steady_clock;
using tensorboard::EventFile;

double per_second(double count, Clock::time_point since) {
  return count / std::max(std::chrono::duration<double>(Clock::now() - since).count(), 1e-9);
}

/// [n, height, width] of a weight as Keras shows it: a vector upright, a matrix lying, one image for each last index of
/// three dimensions. Nothing for what is no image.
std::optional<Tensor> as_images(const Tensor& weight) {
  Shape shape;
  for (const std::int64_t d : weight.shape())
    if (d != 1) shape.push_back(d);
  const Tensor w = weight.with_shape(shape);
  switch (shape.rank()) {
    case 1:
      return w.with_shape({1, shape[0], 1});
    case 2:
      return shape[0] > shape[1] ? transpose(w).with_shape({1, shape[1], shape[0]})
                                 : w.with_shape({1, shape[0], shape[1]});
    case 3:
      return transpose(w, {2, 0, 1});
    default:
      return std::nullopt;
  }
}

class TensorBoardCallback final : public Definition {
 public:
  TensorBoardCallback(const std::string& folder, const TensorBoardOptions& o) : folder_(folder), o_(o) {
    if (o.histogram_freq < 0)
      fail_expected("TensorBoard: histogram_freq", "0 (never) or a number of epochs", std::to_string(o.histogram_freq));
    if (o.write_images && o.histogram_freq == 0)
      fail_expected("TensorBoard: write_images", "a histogram_freq of 1 or more, which says how often",
                    "histogram_freq 0");
  }

  bool only_writes() const override { return true; }

  void on_train_begin() override {
    train_batch_ = 0;
    train_.reset();
    validation_.reset();
    graph_due_ = o_.write_graph && !info().resumed;
    if (!info().resumed) epoch_start_ = Clock::now();
    if (o_.write_memory) load_ = std::make_unique<DeviceLoad>(device_of(model().definition()));
  }

  void on_epoch_begin(int) override {
    epoch_start_ = Clock::now();
    epoch_batches_ = 0;
  }

  void on_train_batch_begin(std::int64_t) override { batch_start_ = Clock::now(); }

  void on_train_batch_end(std::int64_t, const Logs& logs) override {
    ++train_batch_;
    ++epoch_batches_;
    if (graph_due_) write_graph();
    if (o_.update_freq.every_epoch() || train_batch_ % o_.update_freq.batches() != 0) return;
    if (o_.write_steps_per_second)
      train().add_scalar("batch_steps_per_second", per_second(1, batch_start_), train_batch_);
    for (const auto& [name, value] : logs) train().add_scalar("batch_" + name, value, train_batch_);
  }

  void on_test_end(const Logs& logs) override {
    const std::int64_t step = model().optimizer().iterations().value().item<std::int64_t>();
    for (const auto& [name, value] : logs)
      validation().add_scalar("evaluation_" + name + "_vs_iterations", value, step);
    validation().flush();
  }

  void on_epoch_end(int epoch, const Logs& logs) override {
    for (const auto& [name, value] : logs) {
      if (name.starts_with("val_"))
        validation().add_scalar("epoch_" + name.substr(4), value, epoch);
      else if (name != "learning_rate")
        train().add_scalar("epoch_" + name, value, epoch);
    }
    train().add_scalar("epoch_learning_rate", model().optimizer().learning_rate(), epoch);
    if (o_.write_steps_per_second)
      train().add_scalar("epoch_steps_per_second", per_second(static_cast<double>(epoch_batches_), epoch_start_),
                         epoch);
    if (o_.write_memory) {
      const Device device = device_of(model().definition());
      train().add_scalar("epoch_memory_in_use", static_cast<double>(config::memory_in_use(device)), epoch);
      train().add_scalar("epoch_peak_memory_in_use", static_cast<double>(config::peak_memory_in_use(device)), epoch);
      if (const auto percent = load_->percent()) train().add_scalar("epoch_load", *percent, epoch);
    }
    if (o_.histogram_freq > 0 && epoch % o_.histogram_freq == 0) write_weights(model().definition(), epoch);
    train().flush();
    if (validation_) validation_->flush();
  }

  void on_train_end(const Logs&) override {
    for (auto* file : {&train_, &validation_}) {
      if (*file) (*file)->flush();
      file->reset();
    }
  }

  SavedState save_state() const override { return {{{"train_batch", train_batch_}}, {}}; }
  void restore_state(const SavedState& state) override {
    train_batch_ = state.values.at("train_batch").as_int();
    epoch_start_ = Clock::now();
    epoch_batches_ = 0;
  }

 private:
  // Files appear when there is something to write.
  EventFile& train() { return opened(train_, "train"); }
  EventFile& validation() { return opened(validation_, "validation"); }
  EventFile& opened(std::unique_ptr<EventFile>& file, const char* name) const {
    if (!file) file = std::make_unique<EventFile>(folder_ / name);
    return *file;
  }

  void write_graph() {
    graph_due_ = false;
    std::string config;
    try {
      config = to_json(to_config(model()));
    } catch (const Error& e) {  // a class without a config is no reason not to train
      std::fprintf(stderr, "TensorBoard: the model's config is left out: %s\n", e.what());
    }
    if (!config.empty()) train().add_keras_model("keras", config);
    train().add_graph(model());
    train().flush();
  }

  void write_weights(const ModelDefinition& model, int epoch) {
    for (const Layer& layer : model.sublayers()) {
      if (const auto* nested = dynamic_cast<const ModelDefinition*>(&layer.base())) {
        write_weights(*nested, epoch);
        continue;
      }
      for (const Variable& weight : layer.weights()) {
        train().add_histogram(weight.path() + "/histogram", weight.value(), epoch);
        if (!o_.write_images) continue;
        if (const auto images = as_images(weight.value())) train().add_images(weight.path() + "/image", *images, epoch);
      }
    }
  }

  std::filesystem::path folder_;
  TensorBoardOptions o_;
  std::unique_ptr<EventFile> train_, validation_;
  std::unique_ptr<DeviceLoad> load_;
  std::int64_t train_batch_ = 0, epoch_batches_ = 0;
  Clock::time_point epoch_start_, batch_start_;
  bool graph_due_ = false;
};
}  // namespace

Callback TensorBoard(const std::string& log_dir, const TensorBoardOptions& o) {
  return make<TensorBoardCallback>(log_dir, o);
}

}  // namespace strata::callbacks
