#include "models/loop.h"

#include <algorithm>
#include <cstdio>

namespace strata {

Logs run_evaluation(Trainer& trainer, BatchSource& source, std::int64_t steps, const Callbacks& callbacks, int verbose) {
  trainer.reset_metrics();
  for (const Callback& c : callbacks) c->on_test_begin();
  const std::int64_t target = steps >= 0 ? steps : source.steps();
  Progress progress(target, "", verbose);
  source.start(0);
  std::int64_t step = 0;
  while (steps < 0 || step < steps) {
    const auto batch = source.next();
    if (!batch) break;
    for (const Callback& c : callbacks) c->on_test_batch_begin(step);
    trainer.test_on(*batch);
    const Logs logs = trainer.logs();
    for (const Callback& c : callbacks) c->on_test_batch_end(step, logs);
    progress.update(++step, logs);
  }
  if (step == 0) throw Error("evaluate", "expected at least one batch; the data gave none");
  const Logs result(trainer.logs().items());
  progress.finish(step, result);
  for (const Callback& c : callbacks) c->on_test_end(result);
  return result;
}

FitLoop::FitLoop(Model& model, Trainer& trainer, BatchSource& training, BatchSource* validation, const FitOptions& options)
    : model_(model), trainer_(trainer), training_(training), validation_(validation), options_(options),
      verbose_(options.verbose == verbose_auto ? 1 : options.verbose),
      steps_(options.steps_per_epoch >= 0 ? options.steps_per_epoch : training.steps()),
      continues_(options.steps_per_epoch >= 0) {}

template <class F>
void FitLoop::each(F&& f) const {
  for (const Callback& c : options_.callbacks) f(*c);
}

bool FitLoop::callback_wants_stop() const {
  return std::any_of(options_.callbacks.begin(), options_.callbacks.end(), [](const Callback& c) { return c->wants_stop(); });
}

History FitLoop::run() {
  each([&](auto& c) { c.attach(&model_, {options_.epochs, steps_, verbose_}); });
  each([](auto& c) { c.on_train_begin(); });
  for (int epoch = options_.initial_epoch; epoch < options_.epochs; ++epoch) {
    if (options_.stop.stop_requested() || !run_epoch(epoch) || callback_wants_stop() || ran_out_) break;
  }
  const Logs last = history_.empty() ? Logs() : trainer_.logs();
  each([&](auto& c) { c.on_train_end(last); });
  return std::move(history_);
}

bool FitLoop::next_batch(int epoch, Batch& batch) {
  if (!started_) {
    training_.start(epoch);
    started_ = true;
  }
  std::optional<Batch> next = training_.next();
  if (!next) return false;
  batch = std::move(*next);
  if (!options_.class_weight.empty()) {
    if (batch.y.size() != 1) throw Error("fit", "`class_weight` is only supported for models with a single output.");
    if (!batch.w.empty()) throw Error("fit", "You cannot `class_weight` and `sample_weight` at the same time.");
    batch.w = {class_weights(batch.y[0], options_.class_weight)};
  }
  return true;
}

bool FitLoop::run_epoch(int epoch) {
  trainer_.reset_metrics();
  each([&](auto& c) { c.on_epoch_begin(epoch); });
  Progress progress(steps_, options_.epochs > 1 ? "Epoch " + std::to_string(epoch + 1) + "/" + std::to_string(options_.epochs) : "",
                    verbose_);
  if (!continues_) started_ = false;
  std::int64_t step = 0;
  Batch batch;
  while (steps_ < 0 || !continues_ || step < steps_) {
    if (!next_batch(epoch, batch)) {
      if (continues_) {
        ran_out_ = true;
        std::fprintf(stderr, "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
                             "least `steps_per_epoch * epochs` batches. You may need to use `repeat()` when building your dataset.\n");
      }
      break;
    }
    each([&](auto& c) { c.on_train_batch_begin(step); });
    trainer_.train_on(batch);
    const Logs logs = trainer_.logs();
    each([&](auto& c) { c.on_train_batch_end(step, logs); });
    progress.update(++step, logs);
    if (options_.stop.stop_requested()) return false;
    if (callback_wants_stop()) break;
  }
  if (step == 0) {
    if (ran_out_) return false;
    throw Error("fit", "expected at least one batch in an epoch; the data gave none");
  }
  end_epoch(epoch, progress, step);
  return true;
}

void FitLoop::end_epoch(int epoch, Progress& progress, std::int64_t steps) {
  Logs logs(trainer_.logs().items());
  if (validation_ != nullptr && (epoch + 1) % options_.validation_freq == 0)
    for (const auto& [name, value] : run_evaluation(trainer_, *validation_, options_.validation_steps, options_.callbacks, 0))
      logs.set("val_" + name, value);
  progress.finish(steps, logs);
  each([&](auto& c) { c.add_logs(epoch, logs); });
  each([&](auto& c) { c.on_epoch_end(epoch, logs); });
  history_.append(epoch, logs);
}

}  // namespace strata
