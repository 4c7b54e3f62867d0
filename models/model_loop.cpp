#include <algorithm>
#include <cstdio>

#include "models/functional.h"
#include "models/loop.h"
#include "models/predictor.h"
#include "models/replicated.h"

namespace strata {

namespace {
void check(bool ok, std::string_view argument, std::string_view expected, const std::string& received) {
  if (!ok) fail_expected(argument, expected, received);
}

void check_options(const FitOptions& o) {
  check(o.batch_size.is_automatic() || o.batch_size.samples() == -1 || o.batch_size.samples() > 0, "fit: batch_size",
        "a positive number or \"auto\"", to_string(o.batch_size));
  check(o.epochs >= 0, "fit: epochs", "0 or more", std::to_string(o.epochs));
  check(o.verbose >= -1 && o.verbose <= 2, "fit: verbose", "0, 1, 2 or verbose_auto", std::to_string(o.verbose));
  check(o.initial_epoch >= 0, "fit: initial_epoch", "0 or more", std::to_string(o.initial_epoch));
  check(o.steps_per_epoch == -1 || o.steps_per_epoch > 0, "fit: steps_per_epoch", "a positive number", std::to_string(o.steps_per_epoch));
  check(o.validation_freq > 0, "fit: validation_freq", "a positive number", std::to_string(o.validation_freq));
  if (!o.class_weight.empty() && !o.sample_weight.empty())
    throw Error("fit", "You cannot `class_weight` and `sample_weight` at the same time.");
}

/// Each replica has a share of every batch but the last.
void check_batch_size(const BatchSize& size, const ModelDefinition& model) {
  if (model.replicas() == nullptr) return;
  const std::string strategy = model.strategy()->describe();
  if (size.is_automatic())
    fail_expected("fit: batch_size", "a number of samples for the replicas of " + strategy + " together", "\"auto\"");
  if (size.samples() > 0 && size.samples() < model.replicas()->count())
    fail_expected("fit: batch_size", "at least one sample for each replica of " + strategy,
                  to_string(size) + ". It is the batch size of all replicas together; or take fewer replicas");
}

/// The largest that fits, and says so. Shuffled batches are gathered into memory of their own.
std::int64_t automatic_batch_size(const FitOptions& o, const Arguments& a, Trainer& trainer) {
  Batch sample;
  std::size_t bytes = 0;
  const auto take = [&](const Tensors& all, Tensors& one) {
    for (const Tensor& t : all) {
      one.push_back(t.rows(0, 1));
      bytes += one.back().bytes();
    }
  };
  take(a.x, sample.x);
  take(a.y, sample.y);
  take(a.w, sample.w);
  if (!o.shuffle) bytes = 0;
  if (!o.class_weight.empty()) {
    sample.w = {class_weights(sample.y.at(0), o.class_weight)};
    bytes += sample.w[0].bytes();
  }
  const std::int64_t samples = a.x[0].shape()[0], found = trainer.largest_batch(sample, samples, bytes);
  if (o.verbose != 0)
    std::printf("batch size %lld: %s\n", static_cast<long long>(found),
                found == samples ? "all samples fit" : "the largest that fits into memory");
  return found;
}

std::int64_t batch_size_of(const FitOptions& o, const Arguments& a, Trainer& trainer) {
  if (o.batch_size.is_automatic()) return automatic_batch_size(o, a, trainer);
  if (o.batch_size.samples() > 0) return o.batch_size.samples();
  const std::int64_t samples = a.x[0].shape()[0];
  if (o.steps_per_epoch > 0) return (samples + o.steps_per_epoch - 1) / o.steps_per_epoch;
  return default_batch_size;
}

std::unique_ptr<BatchSource> in_order(const ModelDefinition& model, const Arguments& arguments, std::int64_t batch_size) {
  const Arguments a = kept_on_device(model, arguments);
  return batches_of(a.x, a.y, a.w, {.batch_size = batch_size});
}

/// Where several processes train, this one's.
data::Share share_of(const ModelDefinition& model) {
  if (!model.communicator()) return {};
  return {model.strategy()->rank(), model.strategy()->num_replicas_in_sync()};
}

Predictions run_prediction(ModelDefinition& model, BatchSource& source, const PredictOptions& options) {
  std::vector<Tensors> parts(model.outputs().size());
  const Callbacks callbacks = run_by(model, options.callbacks);
  for (const Callback& c : callbacks) c->on_predict_begin();
  Progress progress(options.steps >= 0 ? options.steps : source.steps(), "", shown_by(model, options.verbose));
  source.start(0);
  std::int64_t step = 0;
  while (options.steps < 0 || step < options.steps) {
    const auto batch = source.next();
    if (!batch) break;
    for (const Callback& c : callbacks) c->on_predict_batch_begin(step);
    const Tensors out = model.predictor->run(batch->x);
    for (std::size_t i = 0; i < out.size(); ++i) parts[i].push_back(out[i]);
    for (const Callback& c : callbacks) c->on_predict_batch_end(step);
    progress.update(++step, {});
  }
  if (step == 0) throw Error("predict", "expected at least one batch; the data gave none");
  progress.finish(step, {});
  for (const Callback& c : callbacks) c->on_predict_end();
  Tensors all;
  for (const Tensors& p : parts) all.push_back(joined(p));
  return Predictions(std::move(all));
}
}  // namespace

BatchSize::BatchSize(const char* text) : samples_(automatic_) {
  if (std::string_view(text) != "auto")
    fail_expected("batch_size", "a number or \"auto\"", "'" + std::string(text) + "'");
}

std::int64_t BatchSize::samples() const {
  if (is_automatic())
    throw Error("batch_size", "is automatic: how many samples make a step is known when data is there");
  return samples_;
}

std::string to_string(const BatchSize& size) { return size.is_automatic() ? "auto" : std::to_string(size.samples()); }

History Model::fit(const Data& x, const Data& y, const FitOptions& options) {
  Trainer& t = trainer("fit");
  check_scope(definition(), "trained");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  check_options(options);
  check_batch_size(options.batch_size, definition());
  Arguments train = resolve_arguments(definition(), x, y, options.sample_weight, "fit"), validation;
  check(!train.y.empty(), "fit: y", "targets", "none");
  if (!options.validation_data.x.empty())
    validation = resolve_arguments(definition(), options.validation_data.x, options.validation_data.y,
                                   options.validation_data.sample_weight, "fit: validation_data");
  else if (options.validation_split > 0)
    std::tie(train, validation) = split_validation(train, options.validation_split);
  train = kept_on_device(definition(), std::move(train));
  const std::int64_t batch_size = batch_size_of(options, train, t);
  const auto training = batches_of(train.x, train.y, train.w, {batch_size, options.shuffle, t.shuffle_seed()});
  std::unique_ptr<BatchSource> held_out;
  if (options.validation_data.dataset)
    held_out = batches_of(*options.validation_data.dataset, share_of(definition()));
  else if (!validation.x.empty())
    held_out = in_order(definition(), validation, options.validation_batch_size > 0 ? options.validation_batch_size : batch_size);
  return FitLoop(*this, t, *training, held_out.get(), options).run();
}

History Model::fit(const data::Dataset& batches, const FitOptions& options) {
  Trainer& t = trainer("fit");
  check_scope(definition(), "trained");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  check_options(options);
  check(!options.batch_size.is_automatic() && options.batch_size.samples() == -1, "fit: batch_size",
        "none, because the Dataset yields batches", to_string(options.batch_size));
  check(options.validation_split == 0, "fit: validation_split", "none, because a Dataset cannot be split", std::to_string(options.validation_split));
  check(options.sample_weight.empty(), "fit: sample_weight", "none, because the Dataset yields weights", "weights");
  const auto training = batches_of(batches, share_of(definition()));
  std::unique_ptr<BatchSource> held_out;
  if (options.validation_data.dataset) {
    held_out = batches_of(*options.validation_data.dataset, share_of(definition()));
  } else if (!options.validation_data.x.empty()) {
    const Arguments a = resolve_arguments(definition(), options.validation_data.x, options.validation_data.y,
                                          options.validation_data.sample_weight, "fit: validation_data");
    held_out = in_order(definition(), a, options.validation_batch_size > 0 ? options.validation_batch_size : default_batch_size);
  }
  return FitLoop(*this, t, *training, held_out.get(), options).run();
}

Logs Model::evaluate(const Data& x, const Data& y, const EvaluateOptions& options) {
  Trainer& t = trainer("evaluate");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  const Arguments a = resolve_arguments(definition(), x, y, options.sample_weight, "evaluate");
  check(!a.y.empty(), "evaluate: y", "targets", "none");
  const auto source = in_order(definition(), a, options.batch_size > 0 ? options.batch_size : default_batch_size);
  return run_evaluation(t, *source, options.steps, run_by(definition(), options.callbacks), shown_by(definition(), options.verbose));
}

Logs Model::evaluate(const data::Dataset& batches, const EvaluateOptions& options) {
  Trainer& t = trainer("evaluate");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  const auto source = batches_of(batches, share_of(definition()));
  return run_evaluation(t, *source, options.steps, run_by(definition(), options.callbacks), shown_by(definition(), options.verbose));
}

Predictions Model::predict(const Data& x, const PredictOptions& options) {
  const UseGuard guard(definition().use, UseGuard::Use::reading, name());
  const Arguments a = resolve_arguments(definition(), x, {}, {}, "predict");
  const auto source = in_order(definition(), a, options.batch_size > 0 ? options.batch_size : default_batch_size);
  return run_prediction(definition(), *source, options);
}

Predictions Model::predict(const data::Dataset& batches, const PredictOptions& options) {
  const UseGuard guard(definition().use, UseGuard::Use::reading, name());
  const auto source = batches_of(batches);
  return run_prediction(definition(), *source, options);
}

Logs Model::train_on_batch(const Data& x, const Data& y, const Data& sample_weight) {
  Trainer& t = trainer("train_on_batch");
  check_scope(definition(), "trained");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  const Arguments a = resolve_arguments(definition(), x, y, sample_weight, "train_on_batch");
  t.train_on({a.x, a.y, a.w});
  return t.logs();
}

Logs Model::test_on_batch(const Data& x, const Data& y, const Data& sample_weight) {
  Trainer& t = trainer("test_on_batch");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  const Arguments a = resolve_arguments(definition(), x, y, sample_weight, "test_on_batch");
  t.test_on({a.x, a.y, a.w});
  return t.logs();
}

Predictions Model::predict_on_batch(const Data& x) {
  const UseGuard guard(definition().use, UseGuard::Use::reading, name());
  return Predictions(definition().predictor->run(resolve_arguments(definition(), x, {}, {}, "predict_on_batch").x));
}

}  // namespace strata
