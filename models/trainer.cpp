#include "models/trainer.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "core/device/seed.h"
#include "optim/wrappers.h"

namespace strata {

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

std::shared_ptr<const CompiledStep> Trainer::compiled(Mode mode, const Batch& batch) {
  const Signature types = signature_of(batch);
  const std::string key = circumstances(model_, mode) + key_of(types.x) + "|" + key_of(types.y) + "|" + key_of(types.w);
  if (auto found = steps_.find(key)) return found;
  CompiledStep step;
  if (model_.replicas() != nullptr)
    step = compile_on_replicas(mode, types);
  else
    step.parts = {std::make_shared<Executable>(compile_step_or_advise(mode, types), model_.arenas)};
  if (const Plan& plan = step.parts[0]->plan();
      mode == Mode::train && options_.memory_limit > 0 && plan.recomputation() && !noted_) {
    note_ = "memory_limit: " + describe(*plan.recomputation(), plan.peak_bytes());
    noted_ = true;
  }
  auto made = std::make_shared<const CompiledStep>(std::move(step));
  steps_.insert(key, made);
  return made;
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
  const std::vector<Replication> shares = model_.replicas()->shares(types.x[0].shape[0]);
  for (const std::size_t r : model_.replicas()->here(shares.size())) {
    const Replication& share = shares[r];
    if (!parts.empty() && parts.back().replication.samples == share.samples) {
      parts.push_back(parts.back());
      continue;
    }
    const ReplicationScope scope(share);
    Lowered step = lower_step(mode, with_batch(types, share.samples));
    parts.push_back({std::move(step.inputs), std::move(step.graph), share});
  }
  distribute::Replicas::Trained trained;
  if (mode == Mode::train) trained = {model_.trainable_weights(), optimizer_.variables()};
  CompiledStep step = model_.replicas()->compile(parts, random_states(model_), plan_options(), arenas_, trained);
  if (debugging::log_device_placement())
    for (const auto& part : step.parts) log_placement(part->plan());
  return step;
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
                    std::to_string(batch.size()) + " samples. Make larger batches, or take fewer replicas");
  }
  const auto step = compiled(mode, batch);
  if (replicas == nullptr)
    step->parts[0]->run(arguments(batch), timer);
  else
    replicas->run(*step, split(arguments(batch), *replicas), timer);
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
