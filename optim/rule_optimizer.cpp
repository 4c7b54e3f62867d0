#include "optim/rule_optimizer.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <regex>
#include <unordered_set>

#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "optim/arguments.h"
#include "optim/gradient_parts.h"

namespace strata::optimizers {

Rule::~Rule() = default;

Slot slot_like(const Variable& variable, std::string name, double value) {
  return {std::move(name), full(variable.shape(), value, variable.dtype())};
}

namespace {
std::string received(const std::optional<double>& x) { return x ? std::to_string(*x) : std::string("None"); }

void check(const std::string& where, const CommonOptions& o) {
  if (int{o.clipnorm.has_value()} + int{o.clipvalue.has_value()} + int{o.global_clipnorm.has_value()} > 1)
    throw Error(where, "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: clipnorm=" +
                           received(o.clipnorm) + ", clipvalue=" + received(o.clipvalue) +
                           ", global_clipnorm=" + received(o.global_clipnorm) + ".");
  for (const auto& clip : {o.clipnorm, o.clipvalue, o.global_clipnorm})
    if (clip && !(*clip > 0)) fail_expected(where, "a positive limit for clipping", std::to_string(*clip));
  if (o.gradient_accumulation_steps && *o.gradient_accumulation_steps < 2)
    throw Error(where, "`gradient_accumulation_steps` must be an integer >= 2. Received: gradient_accumulation_steps=" +
                           std::to_string(*o.gradient_accumulation_steps));
  if (o.use_ema && !(o.ema_momentum >= 0 && o.ema_momentum <= 1))
    throw Error(where,
                "`ema_momentum` must be in the range [0, 1]. Received: ema_momentum=" + std::to_string(o.ema_momentum));
  if (o.use_ema && o.ema_overwrite_frequency && *o.ema_overwrite_frequency < 1)
    throw Error(where, "`ema_overwrite_frequency` must be an integer >= 1 or None. Received: ema_overwrite_frequency=" +
                           std::to_string(*o.ema_overwrite_frequency));
  if (o.loss_scale_factor && *o.loss_scale_factor == 0) fail_expected(where, "a loss_scale_factor other than 0", "0");
}

Value sum_of_squares(const Value& g) { return sum(square_of_gradient(g)); }

/// Whether the value reads the variable as pending, in a node that is not older than `since`.
bool reads_pending(const Value& value, const Variable& variable, std::uint64_t since) {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> stack{value.node().get()};
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (node->order() < since || !seen.insert(node).second) continue;
    if (const auto* read = node->op().as<ReadVariable>(); read && read->pending && read->variable == variable)
      return true;
    for (const Value& in : node->inputs()) stack.push_back(in.node().get());
  }
  return false;
}

/// Updates are resolved in the order of their list. This one lets all of them start from the same state: what another
/// one reads is updated after it.
Updates readers_first(Updates updates, std::uint64_t since, const std::string& where) {
  Updates ordered;
  while (!updates.empty()) {
    const auto unread = std::find_if(updates.begin(), updates.end(), [&](const Update& candidate) {
      return std::none_of(updates.begin(), updates.end(), [&](const Update& other) {
        return !(other.variable == candidate.variable) && reads_pending(other.value, candidate.variable, since);
      });
    });
    if (unread == updates.end())
      throw Error(where,
                  "has a formula whose new slots read each other in a circle: '" + updates[0].variable.path() + "'");
    ordered.push_back(*unread);
    updates.erase(unread);
  }
  return ordered;
}

std::string list_of(const Variables& variables) {
  std::string out;
  for (const Variable& v : variables) out += (out.empty() ? "'" : ", '") + v.path() + "'";
  return out;
}
}  // namespace

RuleOptimizer::RuleOptimizer(std::shared_ptr<const Rule> rule, CommonOptions options)
    : Implementation(rule->class_name(), options.name), rule_(std::move(rule)), options_(std::move(options)) {
  options_.name = name();
  check(describe(), options_);
  if (!has_schedule())
    learning_rate_ =
        add_variable("learning_rate", Tensor::scalar(static_cast<float>(options_.learning_rate.constant())));
}

void RuleOptimizer::build(const Variables& variables) {
  if (built_) return;
  const auto add = [&](const Variable& v, Slot slot) {
    std::string stem = v.path();
    std::replace(stem.begin(), stem.end(), '/', '_');
    state_in_order_.push_back(add_variable(stem + "_" + slot.name, std::move(slot.initial)));
    return state_in_order_.back();
  };
  trained_ = variables;
  for (const Variable& v : variables) states_[v.id()];  // known even if nothing is kept for it
  if (options_.use_ema)
    for (const Variable& v : variables) states_[v.id()].average = add(v, slot_like(v, "average"));
  if (options_.gradient_accumulation_steps)
    for (const Variable& v : variables) states_[v.id()].accumulator = add(v, slot_like(v, "gradient_accumulator"));
  std::vector<std::vector<std::vector<Slot>>> slots;
  for (const Variable& v : variables) slots.push_back(rule_->slots(v));
  const std::size_t groups = slots.empty() ? 0 : slots[0].size();
  for (std::size_t group = 0; group < groups; ++group)
    for (std::size_t i = 0; i < variables.size(); ++i)
      for (Slot& slot : slots[i].at(group))
        states_[variables[i].id()].slots.push_back(add(variables[i], std::move(slot)));
  for (Slot& slot : rule_->shared()) shared_.push_back(add_variable(slot.name, std::move(slot.initial)));
  built_ = true;
}

const RuleOptimizer::State& RuleOptimizer::state_of(const Variable& v) const {
  const auto found = states_.find(v.id());
  if (found == states_.end())
    throw Error(describe(), "Unknown variable: '" + v.path() +
                                "'. This optimizer can only be called for the variables it was originally built with. "
                                "When working with a new set of variables, make a new optimizer.");
  return found->second;
}

std::optional<double> RuleOptimizer::decay_of(const Variable& v) const {
  const std::optional<double> decay = rule_->weight_decay(v, options_.weight_decay);
  if (!decay || std::find(not_decaying_.begin(), not_decaying_.end(), v) != not_decaying_.end()) return {};
  const bool excluded =
      std::any_of(names_not_decaying_.begin(), names_not_decaying_.end(),
                  [&](const std::string& pattern) { return std::regex_search(v.name(), std::regex(pattern)); });
  return excluded ? std::nullopt : decay;
}

Values RuleOptimizer::clipped(Values out) const {
  if (options_.clipvalue)
    for (Value& g : out)
      g = map_parts(g, [&](const Value& x) { return clip(x, -*options_.clipvalue, *options_.clipvalue); });
  if (options_.clipnorm)
    for (Value& g : out) {
      const Value scale = *options_.clipnorm / maximum(sqrt(sum_of_squares(g)), *options_.clipnorm);
      g = map_parts(g, [&](const Value& x) { return x * scale; });
    }
  if (options_.global_clipnorm) {
    Value total;
    for (const Value& g : out) {
      const Value part = cast(sum_of_squares(g), DType::f32);
      total = total ? total + part : part;
    }
    const double limit = *options_.global_clipnorm;
    const Value norm = sqrt(total);
    const Value scale = where(is_finite(norm), limit / maximum(norm, limit), std::numeric_limits<double>::quiet_NaN());
    for (Value& g : out) g = g * cast(scale, g.dtype());
  }
  return out;
}

Value RuleOptimizer::scale_loss(const Value& loss) const {
  return options_.loss_scale_factor ? loss * *options_.loss_scale_factor : loss;
}

RuleOptimizer::Call RuleOptimizer::begin() const {
  Call call;
  const Value raw = pending(iterations()), as_real = cast(raw, DType::f64);
  // Schedules count every call, formulas the updates.
  const auto& schedule = options_.learning_rate.schedule();
  call.rate = schedule ? (*schedule)(as_real) : cast(Value(learning_rate_), DType::f64);
  call.calls = raw;
  if (const auto steps = options_.gradient_accumulation_steps) {
    call.calls = floor_divide(raw, *steps);
    call.condition = equal(mod(raw + 1, *steps), 0);
  }
  call.number = cast(call.calls, DType::f64) + 1.0;
  for (const Variable& v : shared_) call.shared.push_back(pending(v));
  call.shared = rule_->update_shared(call.shared, call.number);
  return call;
}

Updates RuleOptimizer::update(const Variable& v, const Value& gradient, const Call& call) const {
  const Variables& slots = state_of(v).slots;
  const Value old = pending(v);
  Value weight = old;
  if (const auto decay = decay_of(v)) weight = weight - weight * cast(*decay * call.rate, v.dtype());
  Step step{v, gradient, weight, {}, call.shared, call.rate, call.number};
  for (const Variable& slot : slots) step.slots.push_back(pending(slot));
  const Values updated = rule_->update(step);
  Updates own;
  if (updated.at(0)) own.push_back({v, updated[0]});
  for (std::size_t k = 0; k < slots.size(); ++k)
    if (updated.at(k + 1)) own.push_back({slots[k], updated[k + 1]});
  own = readers_first(std::move(own), old.node()->order(), describe());
  if (!updated[0]) own.push_back({v, rule_->weight_from_slots(step)});
  if (call.condition)
    for (Update& u : own) u.value = where(call.condition, u.value, pending(u.variable));
  return own;
}

/// The averages start as the weights after the first update.
Updates RuleOptimizer::follow_averages(const Call& call) const {
  const Value momentum = where(not_equal(call.calls, 0), constant(options_.ema_momentum, DType::f64), 0.0);
  Updates updates;
  for (const Variable& v : trained_) {
    const Variable& average = state_of(v).average;
    const Value m = cast(momentum, v.dtype());
    updates.push_back({average, m * pending(average) + (1.0 - m) * pending(v)});
    if (options_.ema_overwrite_frequency)
      updates.push_back(
          {v, where(equal(mod(call.calls + 1, *options_.ema_overwrite_frequency), 0), pending(average), pending(v))});
  }
  return updates;
}

Updates RuleOptimizer::apply(const Values& gradients, const Variables& all_variables) {
  Values present;
  Variables variables, without;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    state_of(all_variables[i]);
    if (gradients[i]) present.push_back(gradients[i]);
    (gradients[i] ? variables : without).push_back(all_variables[i]);
  }
  if (variables.empty()) throw Error(describe(), "No gradients provided for any variable.");
  if (!without.empty())
    std::fprintf(stderr, "strata: warning: Gradients do not exist for variables [%s] when minimizing the loss.\n",
                 list_of(without).c_str());
  const Call call = begin();
  if (options_.loss_scale_factor)
    for (Value& g : present) g = g / *options_.loss_scale_factor;
  Updates accumulated;  // last, since all gradients read what was accumulated before
  if (const auto steps = options_.gradient_accumulation_steps)
    for (std::size_t i = 0; i < present.size(); ++i) {
      const Variable& accumulator = state_of(variables[i]).accumulator;
      const Value total = pending(accumulator) + present[i];
      accumulated.push_back({accumulator, where(call.condition, 0.0, total)});
      present[i] = total / static_cast<double>(*steps);
    }
  present = clipped(std::move(present));
  Updates updates;
  const auto append = [&](const Updates& more) { updates.insert(updates.end(), more.begin(), more.end()); };
  for (std::size_t i = 0; i < variables.size(); ++i) append(update(variables[i], present[i], call));
  if (options_.use_ema) append(follow_averages(call));
  for (const Variable& v : variables)
    if (v.constraint()) updates.push_back({v, v.constraint()(pending(v))});
  for (std::size_t i = 0; i < shared_.size(); ++i) {
    const Value& next = call.shared[i];
    updates.push_back({shared_[i], call.condition ? where(call.condition, next, pending(shared_[i])) : next});
  }
  append(accumulated);
  updates.push_back({iterations(), pending(iterations()) + 1});
  return updates;
}

void RuleOptimizer::exclude_from_weight_decay(const Variables& variables, const std::vector<std::string>& names) {
  if (built_) throw Error(describe(), "`exclude_from_weight_decay()` has to be called before the optimizer is built.");
  not_decaying_.insert(not_decaying_.end(), variables.begin(), variables.end());
  names_not_decaying_.insert(names_not_decaying_.end(), names.begin(), names.end());
}

double RuleOptimizer::learning_rate() const {
  const auto& schedule = options_.learning_rate.schedule();
  return schedule ? schedule->at(iterations().value().item<std::int64_t>()) : learning_rate_.value().item<double>();
}

void RuleOptimizer::set_learning_rate(double rate) {
  if (has_schedule())
    throw Error(describe(),
                "was made with a schedule as its learning rate, which cannot be set: give a number to "
                "the constructor instead");
  learning_rate_.assign(Tensor::scalar(static_cast<float>(rate)));
}

void RuleOptimizer::finalize_variable_values(const Variables& variables) {
  if (!options_.use_ema || !built_) return;
  for (Variable v : variables) v.assign(state_of(v).average.value());
}

Variables RuleOptimizer::variables() const {
  Variables all{iterations()};
  if (learning_rate_.defined()) all.push_back(learning_rate_);
  all.insert(all.end(), state_in_order_.begin(), state_in_order_.end());
  all.insert(all.end(), shared_.begin(), shared_.end());
  return all;
}

Config RuleOptimizer::config() const {
  CommonOptions current = options_;
  if (!has_schedule()) current.learning_rate = learning_rate();
  Config c = write_arguments(common_arguments, current);
  const Config own = rule_->config();
  for (const auto& [key, value] : own.items()) c.set(key, value);
  return c;
}

}  // namespace strata::optimizers
