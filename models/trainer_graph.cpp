#include <algorithm>
#include <map>
#include <set>

#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"
#include "models/trainer.h"

// The graph of a training or evaluation step: forward, losses, gradients, updates, metrics.
namespace strata {

/// Losses and metrics go with outputs, which a Sequential without Input knows only now.
void Trainer::resolve_outputs() {
  if (!outputs_.empty()) return;
  const std::vector<std::string> names = model_.output_names();
  std::vector<Output> outputs(names.size());
  const auto losses = options_.loss.for_outputs(names);
  const auto metrics = options_.metrics.for_outputs(names), weighted = options_.weighted_metrics.for_outputs(names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    outputs[i].loss = losses[i];
    outputs[i].metrics = metrics[i];
    outputs[i].weighted_metrics = weighted[i];
  }
  for (const auto& [name, weight] : options_.loss_weights) {
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) fail_expected("compile: loss_weights", "names of outputs", "'" + name + "'");
    outputs[static_cast<std::size_t>(it - names.begin())].weight = weight;
  }
  outputs_ = std::move(outputs);
}

Trainer::Lowered Trainer::lower_step(Mode mode, const Signature& types) {
  const DeviceScope scope(model_.device());  // also for what a step makes: the optimizer's state, metrics
  resolve_outputs();
  const Values x = placeholders(types.x), y = placeholders(types.y), w = placeholders(types.w);
  if (y.size() != outputs_.size())
    fail_expected("model '" + model_.name() + "'", std::to_string(outputs_.size()) + " targets",
                  std::to_string(y.size()));
  const Values outputs = call_model(x, mode);
  Updates updates;
  const Value loss = add_losses(y, outputs, w, updates);
  if (mode == Mode::train) {
    const Variables trainable = model_.trainable_weights();
    if (!trainable.empty()) {
      // Not minimize: the losses that layers added are in `loss` already, those of outputs without a loss of their own,
      // too.
      optimizer_.build(trainable);
      Values g = gradients(optimizer_.scale_loss(loss), Values(trainable.begin(), trainable.end()));
      for (Value& v : g)
        if (v) v = all_reduce(v, true);
      Updates steps = optimizer_.apply(g, trainable);
      updates.insert(updates.end(), steps.begin(), steps.end());
    }
  }
  add_metrics(y, outputs, w, updates);
  Values inputs = x;
  inputs.insert(inputs.end(), y.begin(), y.end());
  inputs.insert(inputs.end(), w.begin(), w.end());
  return {std::move(inputs), lower({}, updates)};
}

Values Trainer::call_model(const Values& x, Mode mode) { return model_.call_on(cast_to_inputs(model_, x), mode); }

/// The running mean of a loss, of which the value is this replica's part. It weighs each batch by its size.
void Trainer::track_mean(const std::string& name, const Value& loss, std::int64_t batch, Updates& updates) {
  const Metric& metric = tracker(name, metrics::Mean({.name = name}));
  const Replication& replication = current_replication();
  const Value value = replication.replicas == 1 ? loss : loss / replication.share();
  const Updates more =
      over_replicas(metric, metric.update(value, {}, constant(static_cast<double>(batch), value.dtype())));
  updates.insert(updates.end(), more.begin(), more.end());
}

Value Trainer::add_losses(const Values& y, const Values& outputs, const Values& w, Updates& updates) {
  const std::vector<std::string> names = model_.output_layer_names();
  const std::int64_t batch = y[0].shape().rank() > 0 ? y[0].shape()[0] : 1;
  Value total;
  std::map<std::string, std::size_t> shown_output;  // Keras shows the last of several outputs of one layer
  std::size_t count = 0;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].loss) continue;
    shown_output[names[i]] = i;
    ++count;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].loss) continue;
    const Value loss = (*outputs_[i].loss)(y[i], outputs[i], i < w.size() ? w[i] : Value());
    if (count > 1 && shown_output.at(names[i]) == i) track_mean(names[i] + "_loss", loss, batch, updates);
    const Value weighted = outputs_[i].weight == 1 ? loss : loss * outputs_[i].weight;
    total = total ? total + weighted : weighted;
  }
  Value shown = total;
  const Replication& replication = current_replication();
  for (const Effects::Loss& l : collect_effects(outputs).losses) {
    // Every replica adds it: the parts of one that depends on no sample, a regularizer's, add up to it again.
    const Value part = replication.replicas == 1 ? l.value : l.value * replication.share();
    shown = shown ? shown + part : part;
  }
  if (!shown)
    throw Error("model '" + model_.name() + "'", "No loss to compute. Provide a `loss` argument in `compile()`.");
  if (replication.replicas > 1 && shown.shape().rank() > 0)
    fail_expected("compile: loss", "a loss that is one number, to be added up over " + model_.strategy()->describe(),
                  to_string(shown.type()));
  track_mean("loss", shown, batch, updates);
  return shown;
}

void Trainer::add_metrics(const Values& y, const Values& outputs, const Values& w, Updates& updates) {
  const std::vector<std::string> names = model_.output_layer_names();
  std::set<std::string> used;
  const auto add = [&](std::size_t i, const Metric& prototype, bool weighted) {
    const std::string prefix = outputs_.size() > 1 ? names[i] + "_" : "";
    std::string name = prefix + prototype.name();
    if (weighted && used.contains(name)) name = prefix + "weighted_" + prototype.name();
    const std::string stem = name;
    for (int k = 1; !used.insert(name).second; ++k) name = stem + "_" + std::to_string(k);
    const Value weight = weighted && i < w.size() ? w[i] : Value();
    const Metric& metric = tracker(name, prototype);
    const Updates more = over_replicas(metric, metric.update(y[i], outputs[i], weight));
    updates.insert(updates.end(), more.begin(), more.end());
  };
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    for (const Metric& m : outputs_[i].metrics) add(i, m, false);
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    for (const Metric& m : outputs_[i].weighted_metrics) add(i, m, true);
}

}  // namespace strata
