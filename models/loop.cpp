#include "models/loop.h"

#include <algorithm>
#include <cstdio>

#include "core/device/communicator.h"

namespace strata {

int shown_by(const ModelDefinition& model, int verbose) {
  if (!model.speaks()) return 0;
  return verbose == verbose_auto ? 1 : verbose;
}

Callbacks run_by(const ModelDefinition& model, const Callbacks& all) {
  Callbacks some;
  for (const Callback& c : all)
    if (model.speaks() || !c->only_writes()) some.push_back(c);
  return some;
}

Logs run_evaluation(Trainer& trainer, BatchSource& source, std::int64_t steps, const Callbacks& callbacks,
                    int verbose) {
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

FitLoop::FitLoop(Model& model, Trainer& trainer, BatchSource& training, BatchSource* validation,
                 const FitOptions& options)
    : model_(model),
      trainer_(trainer),
      training_(training),
      validation_(validation),
      options_(options),
      callbacks_(run_by(model.definition(), options.callbacks)),
      others_(model.definition().communicator()),
      verbose_(shown_by(model.definition(), options.verbose)),
      steps_(options.steps_per_epoch >= 0 ? options.steps_per_epoch : training.steps()),
      continues_(options.steps_per_epoch >= 0) {
  at_.epoch = options.initial_epoch;
}

bool FitLoop::callback_wants_stop() const {
  if (options_.callbacks.empty()) return false;
  return any_process(
      std::any_of(callbacks_.begin(), callbacks_.end(), [](const Callback& c) { return c->wants_stop(); }));
}

bool FitLoop::interrupted() {
  if (!interrupted_ && options_.stop.stop_possible()) interrupted_ = any_process(options_.stop.stop_requested());
  return interrupted_;
}

bool FitLoop::any_process(bool says) const {
  if (!others_) return says;
  std::int32_t said = says ? 1 : 0;
  others_->all_reduce(Reduction::max, DType::i32, &said, &said, 1);
  return said != 0;
}

/// Each process takes its part of a batch that all have: other data, or another order, would go unnoticed.
void FitLoop::check_same_data() const {
  if (!others_) return;
  std::vector<std::uint64_t> all(static_cast<std::size_t>(others_->size()));
  others_->all_gather(DType::i64, &at_.first_batch, all.data(), 1);
  for (std::size_t r = 1; r < all.size(); ++r)
    if (all[r] != all[0])
      throw Error("fit", "expected the same data in the same order on all processes; received another first batch on rank " +
                             std::to_string(r) + " than on rank 0. Set utils::set_random_seed where data is drawn or shuffled, and "
                             "pass the whole data in each process: Dataset::shard is not for fit");
}

History FitLoop::run() {
  try {
    return run_epochs();
  } catch (const std::exception& e) {
    if (others_) others_->abort(e.what());
    throw;
  }
}

History FitLoop::run_epochs() {
  using Kind = callbacks::SafePoint::Kind;
  const auto earlier = earlier_run();
  std::string unrepeatable = training_.why_unrepeatable();
  if (unrepeatable.empty() && validation_ != nullptr) unrepeatable = validation_->why_unrepeatable();
  each([&](auto& c) { c.attach(&model_, {options_.epochs, steps_, verbose_, earlier.has_value(), unrepeatable}); });
  if (earlier) resume(*earlier);
  each([](auto& c) { c.on_train_begin(); });
  if (earlier) restore_callbacks(*earlier);
  while (at_.epoch < options_.epochs && !at_.stopped && !at_.ran_out && !interrupted())
    if (!run_epoch()) break;
  safe_point(interrupted_ ? Kind::interrupted : Kind::completed);
  // After the safe point: a run that goes on later needs the weights themselves, not their averages.
  if (!interrupted_ && at_.pass_batches > 0) trainer_.optimizer().finalize_variable_values(model_.trainable_weights());
  each([&](auto& c) { c.on_train_end(last_logs_); });
  return std::move(history_);
}

void FitLoop::safe_point(callbacks::SafePoint::Kind kind) {
  if (at_.pass_batches == 0) return;  // nothing has happened yet
  const callbacks::SafePoint point{kind, [this] { return save_run(); }};
  each([&](auto& c) { c.on_safe_point(point); });
}

bool FitLoop::next_batch(Batch& batch) {
  std::optional<Batch> next = training_.next();
  if (!next) return false;
  batch = std::move(*next);
  if (at_.pass_batches++ == 0) {
    at_.first_batch = fingerprint(batch);
    check_same_data();
  }
  add_class_weights(batch);
  return true;
}

void FitLoop::add_class_weights(Batch& batch) const {
  if (options_.class_weight.empty()) return;
  if (batch.y.size() != 1) throw Error("fit", "`class_weight` is only supported for models with a single output.");
  if (!batch.w.empty()) throw Error("fit", "You cannot `class_weight` and `sample_weight` at the same time.");
  batch.w = {class_weights(batch.y[0], options_.class_weight)};
}

void FitLoop::begin_epoch() {
  trainer_.reset_metrics();
  each([&](auto& c) { c.on_epoch_begin(at_.epoch); });
  if (continues_ && at_.pass_started) return;
  training_.start(at_.epoch);
  at_.pass_started = true;
  at_.pass_epoch = at_.epoch;
  at_.pass_batches = 0;
}

bool FitLoop::wants_batch() const { return !at_.stopped && (!continues_ || at_.step < steps_); }

void FitLoop::warn_that_data_ran_out() {
  at_.ran_out = true;
  std::fprintf(
      stderr,
      "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
      "least `steps_per_epoch * epochs` batches. You may need to use `repeat()` when building your dataset.\n");
}

bool FitLoop::run_epoch() {
  if (at_.step == 0) begin_epoch();
  Progress progress(
      steps_,
      options_.epochs > 1 ? "Epoch " + std::to_string(at_.epoch + 1) + "/" + std::to_string(options_.epochs) : "",
      verbose_);
  if (options_.show_memory) progress.show_use_of(device_of(model_.definition()));
  Batch batch;
  while (wants_batch()) {
    if (!next_batch(batch)) {
      if (continues_) warn_that_data_ran_out();
      break;
    }
    each([&](auto& c) { c.on_train_batch_begin(at_.step); });
    trainer_.train_on(batch);
    if (const std::string note = trainer_.take_note(); verbose_ > 0 && !note.empty()) std::printf("%s\n", note.c_str());
    const Logs logs = trainer_.logs();
    each([&](auto& c) { c.on_train_batch_end(at_.step, logs); });
    progress.update(++at_.step, logs);
    at_.stopped = callback_wants_stop();
    safe_point(callbacks::SafePoint::Kind::batch);
    if (interrupted()) return false;
  }
  if (at_.step == 0) {
    if (at_.ran_out) return false;
    throw Error("fit", "expected at least one batch in an epoch; the data gave none");
  }
  end_epoch(progress);
  return true;
}

void FitLoop::end_epoch(Progress& progress) {
  Logs logs(trainer_.logs().items());
  if (validation_ != nullptr && (at_.epoch + 1) % options_.validation_freq == 0)
    for (const auto& [name, value] :
         run_evaluation(trainer_, *validation_, options_.validation_steps, callbacks_, 0))
      logs.set("val_" + name, value);
  progress.finish(at_.step, logs);
  each([&](auto& c) { c.add_logs(at_.epoch, logs); });
  each([&](auto& c) { c.on_epoch_end(at_.epoch, logs); });
  history_.append(at_.epoch, logs);
  last_logs_ = logs;
  ++at_.epoch;
  at_.step = 0;
  at_.stopped = at_.stopped || callback_wants_stop();
  safe_point(callbacks::SafePoint::Kind::epoch);
}

}  // namespace strata
