#include "models/trainer.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"
#include "optim/wrappers.h"

namespace strata {

namespace {
constexpr std::size_t most_cached_steps = 16;

std::string key_of(const Types& types) {
  std::string key;
  for (const Type& t : types) key += to_string(t) + ";";
  return key;
}

/// What besides shapes decides a plan: mode, threads, device, debugging, and which weights train.
std::string circumstances(const ModelDefinition& model, Mode mode) {
  std::string key = mode == Mode::train ? "train " : "infer ";
  key += std::to_string(config::num_threads()) + to_string(model.device()) +
         (debugging::check_numerics_enabled() ? " checked " : " ");
  for (const Variable& v : model.weights()) key += v.trainable() ? '1' : '0';
  const std::function<void(const layers::Base&)> flags = [&](const layers::Base& layer) {
    key += layer.trainable() ? 'T' : 'F';
    for (const Layer& inner : layer.sublayers()) flags(inner.base());
  };
  flags(model);
  return key;
}

Types types_of(const Tensors& tensors) {
  Types types;
  for (const Tensor& t : tensors) types.push_back(t.type());
  return types;
}

Types with_samples(Types types, std::int64_t samples) {
  for (Type& t : types)
    if (t.shape.rank() > 0) t.shape[0] = samples;
  return types;
}

Values placeholders(const Types& types) {
  Values values;
  for (const Type& t : types) values.push_back(placeholder(t.shape, t.dtype));
  return values;
}

/// The lowered graph, its variables on the model's device: an optimizer, a seed or a metric may have been made
/// elsewhere.
Graph on_device(const ModelDefinition& model, const Graph& graph) {
  for (const NodePtr& node : nodes(graph))
    if (const auto* read = node->op().as<ReadVariable>()) read->variable.move_to(model.device());
  for (const Update& u : graph.updates) u.variable.move_to(model.device());
  return graph;
}

Values cast_to_inputs(const ModelDefinition& model, const Values& x) {
  Values cast_values;
  for (std::size_t i = 0; i < x.size(); ++i) cast_values.push_back(cast(x[i], model.inputs()[i].dtype()));
  return cast_values;
}
}  // namespace

Device device_of(const ModelDefinition& model) {
  const Variables weights = model.weights();
  return weights.empty() ? current_device() : weights[0].value().device();
}

std::shared_ptr<const CompiledStep> StepCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.first == key; });
  if (it == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it);
  return entries_.front().second;
}

void StepCache::insert(const std::string& key, std::shared_ptr<const CompiledStep> step) {
  const std::lock_guard lock(mutex_);
  entries_.emplace_front(key, std::move(step));
  if (entries_.size() > most_cached_steps) entries_.pop_back();
}

Tensors fit_to_inputs(const ModelDefinition& model, Tensors x) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Shape& wanted = model.inputs()[i].shape();
    Shape shape = x[i].shape();
    if (shape.rank() + 1 == wanted.rank() && wanted.back() == 1) shape.push_back(1);
    if (shape.rank() == wanted.rank() + 1 && shape.back() == 1) shape = shape.slice(0, wanted.rank());
    bool fits = shape.rank() == wanted.rank();
    for (int axis = 0; fits && axis < wanted.rank(); ++axis)
      fits = wanted[axis] == open_dim || wanted[axis] == shape[axis];
    if (!fits)
      fail_expected("model '" + model.name() + "' input '" + model.input_names()[i] + "'", "shape " + to_string(wanted),
                    "shape " + to_string(x[i].shape()));
    x[i] = x[i].with_shape(shape);
  }
  return x;
}

CompiledStep Predictor::compile(const Types& x) {
  const DeviceScope scope(model_.device());
  const auto lowered = [&](const Types& types) {
    const Values inputs = placeholders(types);
    return std::pair(inputs, lower(model_.call_on(cast_to_inputs(model_, inputs), Mode::infer), {}));
  };
  if (model_.replicas() == nullptr) {
    const auto [inputs, graph] = lowered(x);
    auto plan = Plan::compile(inputs, on_device(model_, graph), default_plan_options());
    if (debugging::log_device_placement()) log_placement(*plan);
    return {{std::make_shared<Executable>(std::move(plan), model_.arenas)}, {}};
  }
  std::vector<distribute::Replicas::Part> parts;
  for (const Replication& share : model_.replicas()->shares(x[0].shape[0])) {
    const auto [inputs, graph] = lowered(with_samples(x, share.samples));
    parts.push_back({inputs, graph, share});
  }
  return model_.replicas()->compile(parts, random_states(model_), default_plan_options(), model_.arenas);
}

std::shared_ptr<const CompiledStep> Predictor::step(const Types& x) {
  const std::string key = circumstances(model_, Mode::infer) + key_of(x);
  if (auto found = steps_.find(key)) return found;
  const std::lock_guard lock(building_);
  if (auto found = steps_.find(key)) return found;
  auto made = std::make_shared<const CompiledStep>(compile(x));
  steps_.insert(key, made);
  return made;
}

Tensors Predictor::run(const Tensors& x) {
  const auto compiled = step(types_of(x));
  if (model_.replicas() == nullptr) return compiled->parts[0]->run(x);
  const auto parts = model_.replicas()->run(*compiled, split(x, model_.replicas()->shares(x[0].shape()[0])));
  Tensors all;
  for (std::size_t i = 0; i < parts[0].size(); ++i) {
    Tensors output;
    for (const Tensors& part : parts) output.push_back(part[i]);
    all.push_back(joined(output));
  }
  return all;
}

struct Trainer::Promise {
  std::mutex mutex;
  std::optional<Logs::Items> items;
};

namespace {
/// Keras's rule: gradients of f16 vanish unless the loss is scaled.
Optimizer with_loss_scale(const ModelDefinition& model, const CompileOptions& options) {
  const Optimizer& given = options.optimizer;
  if (!options.auto_scale_loss || model.dtype_policy().name() != "mixed_float16" ||
      given.class_name() == "LossScaleOptimizer")
    return given;
  return optimizers::LossScaleOptimizer(given, {.name = "loss_scale_optimizer"});
}
}  // namespace

Trainer::Trainer(ModelDefinition& model, const CompileOptions& options)
    : model_(model),
      options_(options),
      optimizer_(with_loss_scale(model, options)),
      arenas_(model.arenas),
      shuffle_seed_(random::next_process_seed()) {
  if (options.memory_limit < 0)
    fail_expected("compile: memory_limit", "bytes, or 0 for no limit", std::to_string(options.memory_limit));
}

Trainer::~Trainer() {
  try {
    keep_promises();
  } catch (const std::exception&) {  // whoever looks then finds no logs
    for (const auto& promise : promises_) promise->items = Logs::Items{};
  }
}

Tensors Trainer::arguments(const Batch& batch) {
  Tensors all = batch.x;
  all.insert(all.end(), batch.y.begin(), batch.y.end());
  all.insert(all.end(), batch.w.begin(), batch.w.end());
  return all;
}

Trainer::Signature Trainer::signature_of(const Batch& batch) {
  return {types_of(batch.x), types_of(batch.y), types_of(batch.w)};
}

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

std::shared_ptr<const CompiledStep> Trainer::compiled(Mode mode, const Batch& batch) {
  const Signature types = signature_of(batch);
  const std::string key = circumstances(model_, mode) + key_of(types.x) + "|" + key_of(types.y) + "|" + key_of(types.w);
  if (auto found = steps_.find(key)) return found;
  CompiledStep step;
  if (model_.replicas() != nullptr)
    step = compile_on_replicas(mode, types);
  else
    step.parts = {std::make_shared<Executable>(compile_step_or_advise(mode, types), model_.arenas)};
  if (const Plan& plan = step.parts[0]->plan(); mode == Mode::train && options_.memory_limit > 0 && plan.recomputation() && !noted_) {
    note_ = "memory_limit: " + describe(*plan.recomputation(), plan.peak_bytes());
    noted_ = true;
  }
  auto made = std::make_shared<const CompiledStep>(std::move(step));
  steps_.insert(key, made);
  return made;
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

PlanOptions Trainer::plan_options() const {
  PlanOptions o = default_plan_options();
  o.fuse = o.fuse && !options_.run_eagerly;
  o.memory_limit = static_cast<std::size_t>(options_.memory_limit);
  if (model_.device().kind == DeviceKind::cpu) o.cheap_repetition = 10;
  o.memory_on_hand = -reserved_memory;
  o.device = model_.device();
  return o;
}

std::shared_ptr<const Plan> Trainer::compile_step(Mode mode, const Signature& types, bool check_memory) {
  const Lowered step = lower_step(mode, types);
  PlanOptions options = plan_options();
  options.check_memory = check_memory;
  options.memory_on_hand += arenas_->idle_bytes(options.device);
  auto plan = Plan::compile(step.inputs, on_device(model_, step.graph), options);
  if (debugging::log_device_placement()) log_placement(*plan);
  return plan;
}

CompiledStep Trainer::compile_on_replicas(Mode mode, const Signature& types) {
  std::vector<distribute::Replicas::Part> parts;
  for (const Replication& share : model_.replicas()->shares(types.x[0].shape[0])) {
    if (!parts.empty() && parts.back().replication.samples == share.samples) {
      parts.push_back(parts.back());
      continue;
    }
    const ReplicationScope scope(share);
    Lowered step = lower_step(mode, with_batch(types, share.samples));
    parts.push_back({std::move(step.inputs), std::move(step.graph), share});
  }
  CompiledStep step = model_.replicas()->compile(parts, random_states(model_), plan_options(), arenas_);
  if (debugging::log_device_placement())
    for (const auto& part : step.parts) log_placement(part->plan());
  return step;
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

Metric& Trainer::tracker(const std::string& name, const Metric& prototype) {
  for (Tracker& t : trackers_)
    if (t.name == name) return t.metric;
  trackers_.push_back({name, prototype.clone()});
  results_ = {};
  return trackers_.back().metric;
}

void Trainer::reset_metrics() {
  keep_promises();
  for (Tracker& t : trackers_) t.metric.reset();
}

std::vector<std::pair<std::string, Variable>> Trainer::metric_state() const {
  std::vector<std::pair<std::string, Variable>> state;
  for (const Tracker& t : trackers_)
    for (const Variable& v : t.metric.variables()) state.emplace_back(t.name + "/" + v.name(), v);
  return state;
}

Logs::Items Trainer::read_logs() {
  if (!results_.defined()) {
    Values all;
    for (const Tracker& t : trackers_) all.push_back(t.metric.result());
    PlanOptions options;
    options.device = model_.device();
    results_ = Function({}, all, {}, options, arenas_);
  }
  const Tensors values = results_({});
  Logs::Items items;
  for (std::size_t i = 0; i < trackers_.size(); ++i) items.emplace_back(trackers_[i].name, values[i].item<double>());
  return items;
}

Logs Trainer::logs() {
  auto promise = std::make_shared<Promise>();
  promises_.push_back(promise);
  return Logs::deferred([this, promise] {
    const std::lock_guard lock(promise->mutex);
    return promise->items ? *promise->items : read_logs();
  });
}

void Trainer::keep_promises() {
  for (const auto& promise : promises_) {
    if (promise.use_count() == 1) continue;  // looked at already, or dropped
    const std::lock_guard lock(promise->mutex);
    promise->items = read_logs();
  }
  promises_.clear();
}

void Trainer::run(Mode mode, const Batch& batch, StepTimer* timer) {
  keep_promises();
  distribute::Replicas* replicas = model_.replicas();
  if (replicas != nullptr && mode == Mode::train) {
    largest_batch_ = std::max(largest_batch_, batch.size());
    if (largest_batch_ < replicas->count())  // a smaller one that comes later is the rest of an epoch
      fail_expected("fit", "batches of at least one sample for each replica of " + replicas->strategy().describe(),
                    std::to_string(batch.size()) + " samples");
  }
  const auto step = compiled(mode, batch);
  if (replicas == nullptr)
    step->parts[0]->run(arguments(batch), timer);
  else
    replicas->run(*step, split(arguments(batch), replicas->shares(batch.size())), timer);
}

std::optional<bool> Trainer::larger_is_better(const std::string& log) const {
  for (const Tracker& t : trackers_)
    if (t.name == log && t.metric.direction() != metrics::Direction::unknown)
      return t.metric.direction() == metrics::Direction::max;
  return std::nullopt;
}

Types Trainer::guessed_targets(std::int64_t batch) const {
  Types types;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Type t = model_.outputs()[i].type();
    t.shape[0] = batch;
    if (outputs_[i].loss && outputs_[i].loss->name() == "sparse_categorical_crossentropy")
      t = {DType::i32, t.shape.slice(0, t.shape.rank() - 1)};
    types.push_back(t);
  }
  return types;
}

Trainer::Signature Trainer::guessed_types(std::int64_t batch) {
  if (!model_.has_graph())
    throw Error("plan", "the model '" + model_.name() + "' has no Input, so its shapes are not known yet");
  resolve_outputs();
  Types x;
  for (const Symbol& s : model_.inputs()) {
    Type t = s.type();
    t.shape[0] = batch;
    if (t.shape.has_open_dim())
      fail_expected("plan", "an Input whose only open dimension is the batch", to_string(s.shape()));
    x.push_back(t);
  }
  return {x, guessed_targets(batch), {}};
}

std::shared_ptr<const Plan> Trainer::plan(Mode mode, std::int64_t batch) {
  const Signature types = guessed_types(batch);
  if (model_.replicas() != nullptr) return compile_on_replicas(mode, types).parts[0]->shared_plan();
  return compile_step_or_advise(mode, types);
}

}  // namespace strata
