#include "optim/optimizer.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <regex>
#include <unordered_map>
#include <unordered_set>

#include "core/graph/context.h"
#include "core/graph/gradients.h"
#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "optim/optimizers.h"

namespace strata {

namespace optimizers {
Rule::~Rule() = default;
}  // namespace optimizers

struct Optimizer::State {
  std::shared_ptr<const optimizers::Rule> rule;
  optimizers::CommonOptions options;
  Variable iterations = {}, learning_rate = {};  // the second is empty with a schedule
  bool built = false;
  Variables slots_in_order = {};
  std::unordered_map<const void*, Variables> slots_of = {};  // by variable, in the order of Rule::slots
  Variables not_decaying = {};
  std::vector<std::string> names_not_decaying = {};

  bool decays(const Variable&) const;
  Values clipped(const Values& gradients) const;
};

namespace {
std::string where_is(const std::string& name) { return "optimizer '" + name + "'"; }

std::string received(const std::optional<double>& x) { return x ? std::to_string(*x) : std::string("None"); }

void check_clips(const std::string& name, const optimizers::CommonOptions& o) {
  if (int{o.clipnorm.has_value()} + int{o.clipvalue.has_value()} + int{o.global_clipnorm.has_value()} > 1)
    throw Error(where_is(name), "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: clipnorm=" +
                                    received(o.clipnorm) + ", clipvalue=" + received(o.clipvalue) +
                                    ", global_clipnorm=" + received(o.global_clipnorm) + ".");
  for (const auto& clip : {o.clipnorm, o.clipvalue, o.global_clipnorm})
    if (clip && !(*clip > 0)) fail_expected(where_is(name), "a positive limit for clipping", std::to_string(*clip));
}

Tensor filled(const Type& type, double value) { return full(type.shape, value, type.dtype); }

Value sum_of_squares(const Value& g) { return sum(square(g)); }

Optimizer from_identifier(const std::string& identifier) {
  using Make = Optimizer (*)();
  static const std::map<std::string, Make, std::less<>> known{
      {"sgd", []() -> Optimizer { return optimizers::SGD(); }},
      {"rmsprop", []() -> Optimizer { return optimizers::RMSprop(); }},
      {"adam", []() -> Optimizer { return optimizers::Adam(); }},
      {"adamw", []() -> Optimizer { return optimizers::AdamW(); }},
      {"adagrad", []() -> Optimizer { return optimizers::Adagrad(); }},
  };
  std::string lower = identifier;  // as Keras does, any mixture of cases is taken
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const auto found = known.find(lower);
  if (found == known.end()) throw Error("optimizer", "Could not interpret optimizer identifier: " + identifier);
  return found->second();
}

/// Whether the value reads the variable as pending, in a node that is not older than `since`.
bool reads_pending(const Value& value, const Variable& variable, std::uint64_t since) {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> stack{value.node().get()};
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (node->order() < since || !seen.insert(node).second) continue;
    if (const auto* read = node->op().as<ReadVariable>(); read && read->pending && read->variable == variable) return true;
    for (const Value& in : node->inputs()) stack.push_back(in.node().get());
  }
  return false;
}

/// Updates are resolved in the order of their list. This one lets all of them start from the same state: what another one
/// reads is updated after it.
Updates readers_first(Updates updates, std::uint64_t since, const std::string& where) {
  Updates ordered;
  while (!updates.empty()) {
    const auto unread = std::find_if(updates.begin(), updates.end(), [&](const Update& candidate) {
      return std::none_of(updates.begin(), updates.end(), [&](const Update& other) {
        return !(other.variable == candidate.variable) && reads_pending(other.value, candidate.variable, since);
      });
    });
    if (unread == updates.end())
      throw Error(where, "has a formula whose new slots read each other in a circle: '" + updates[0].variable.path() + "'");
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

Optimizer::Optimizer(const char* identifier) : Optimizer(std::string(identifier)) {}
Optimizer::Optimizer(const std::string& identifier) : Optimizer(from_identifier(identifier)) {}

Optimizer::Optimizer(std::shared_ptr<const optimizers::Rule> rule, optimizers::CommonOptions options)
    : state_(std::make_shared<State>(State{.rule = std::move(rule), .options = std::move(options)})) {
  State& s = state();
  if (s.options.name.empty()) s.options.name = unique_name(snake_case(s.rule->class_name()));
  check_clips(s.options.name, s.options);
  const auto scalar = [&](const char* name, const Tensor& value) {
    Variable v(name, value, false);
    v.set_path(s.options.name + "/" + name);
    return v;
  };
  s.iterations = scalar("iteration", Tensor::scalar(std::int64_t{0}));
  if (!s.options.learning_rate.schedule())
    s.learning_rate = scalar("learning_rate", Tensor::scalar(static_cast<float>(s.options.learning_rate.constant())));
}

bool Optimizer::State::decays(const Variable& v) const {
  if (!options.weight_decay) return false;
  if (std::find(not_decaying.begin(), not_decaying.end(), v) != not_decaying.end()) return false;
  return std::none_of(names_not_decaying.begin(), names_not_decaying.end(), [&](const std::string& pattern) {
    return std::regex_search(v.name(), std::regex(pattern));
  });
}

Values Optimizer::State::clipped(const Values& gradients) const {
  Values out = gradients;
  if (options.clipvalue)
    for (Value& g : out) g = clip(g, -*options.clipvalue, *options.clipvalue);
  if (options.clipnorm)
    for (Value& g : out) g = g * (*options.clipnorm / maximum(sqrt(sum_of_squares(g)), *options.clipnorm));
  if (options.global_clipnorm) {
    Value total;
    for (const Value& g : out) {
      const Value part = cast(sum_of_squares(g), DType::f32);
      total = total ? total + part : part;
    }
    const double limit = *options.global_clipnorm;
    const Value norm = sqrt(total);
    const Value scale = where(is_finite(norm), limit / maximum(norm, limit), std::numeric_limits<double>::quiet_NaN());
    for (Value& g : out) g = g * cast(scale, g.dtype());
  }
  return out;
}

void Optimizer::build(const Variables& variables) const {
  State& s = state();
  if (s.built) return;
  for (const auto& group : s.rule->slots())
    for (const Variable& v : variables)
      for (const optimizers::Slot& slot : group) {
        std::string stem = v.path();
        std::replace(stem.begin(), stem.end(), '/', '_');
        Variable made(stem + "_" + slot.name, filled(v.value().type(), slot.initial), false);
        made.set_path(s.options.name + "/" + made.name());
        s.slots_in_order.push_back(made);
        s.slots_of[v.id()].push_back(made);
      }
  for (const Variable& v : variables) s.slots_of[v.id()];  // known even if the rule keeps no slots
  s.built = true;
}

bool Optimizer::built() const { return state().built; }

Updates Optimizer::minimize(const Value& loss, const Variables& variables) const {
  if (loss.shape().rank() != 0)
    fail_expected(where_is(name()) + " minimize", "a scalar loss", to_string(loss.type()));
  Value total = loss;
  for (const Effects::Loss& added : collect_effects({loss}).losses) total = total + cast(added.value, loss.dtype());
  return apply(gradients(total, Values(variables.begin(), variables.end())), variables);
}

Updates Optimizer::apply(const Values& gradients, const Variables& all_variables) const {
  State& s = state();
  const std::string where = where_is(s.options.name);
  if (gradients.size() != all_variables.size())
    fail_expected(where, std::to_string(all_variables.size()) + " gradients, one for each variable",
                  std::to_string(gradients.size()));
  build(all_variables);
  Values present;
  Variables variables, without;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const Variable& v = all_variables[i];
    if (!s.slots_of.contains(v.id()))
      throw Error(where, "Unknown variable: '" + v.path() +
                             "'. This optimizer can only be called for the variables it was originally built with. When "
                             "working with a new set of variables, make a new optimizer.");
    if (gradients[i]) present.push_back(gradients[i]);
    (gradients[i] ? variables : without).push_back(v);
  }
  if (variables.empty()) throw Error(where, "No gradients provided for any variable.");
  if (!without.empty())
    std::fprintf(stderr, "strata: warning: Gradients do not exist for variables [%s] when minimizing the loss.\n",
                 list_of(without).c_str());

  // All is read as pending, so that several updates of one step chain.
  const Value step = cast(pending(s.iterations), DType::f64);
  const auto& schedule = s.options.learning_rate.schedule();
  const Value rate = schedule ? (*schedule)(step) : cast(Value(s.learning_rate), DType::f64);
  const Values clipped = s.clipped(present);
  Updates updates;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Variable& v = variables[i];
    Value weight = pending(v);
    if (s.decays(v)) weight = weight - weight * cast(*s.options.weight_decay * rate, v.dtype());
    const Variables& kept = s.slots_of.at(v.id());
    optimizers::Step one{clipped[i], weight, {}, rate, step + 1.0};
    for (const Variable& slot : kept) one.slots.push_back(pending(slot));
    const Values updated = s.rule->update(one);
    Updates own{{v, v.constraint() ? v.constraint()(updated.at(0)) : updated.at(0)}};
    for (std::size_t k = 0; k < kept.size(); ++k) own.push_back({kept[k], updated.at(k + 1)});
    own = readers_first(std::move(own), step.node()->order(), where);
    updates.insert(updates.end(), own.begin(), own.end());
  }
  updates.push_back({s.iterations, pending(s.iterations) + 1});
  return updates;
}

void Optimizer::exclude_from_weight_decay(const Variables& variables, const std::vector<std::string>& names) const {
  State& s = state();
  if (s.built)
    throw Error(where_is(s.options.name), "`exclude_from_weight_decay()` has to be called before the optimizer is built.");
  s.not_decaying.insert(s.not_decaying.end(), variables.begin(), variables.end());
  s.names_not_decaying.insert(s.names_not_decaying.end(), names.begin(), names.end());
}

Variable Optimizer::iterations() const { return state().iterations; }
const std::string& Optimizer::name() const { return state().options.name; }
std::string Optimizer::class_name() const { return state().rule->class_name(); }
bool Optimizer::has_schedule() const { return state().options.learning_rate.schedule() != nullptr; }

double Optimizer::learning_rate() const {
  const State& s = state();
  if (has_schedule()) return s.options.learning_rate.schedule()->at(s.iterations.value().item<std::int64_t>());
  return s.learning_rate.value().item<double>();
}

void Optimizer::set_learning_rate(double rate) const {
  if (has_schedule())
    throw Error(where_is(name()), "was made with a schedule as its learning rate, which cannot be set: give a number to "
                                  "the constructor instead");
  state().learning_rate.assign(Tensor::scalar(static_cast<float>(rate)));
}

Variables Optimizer::variables() const {
  const State& s = state();
  Variables all{s.iterations};
  if (s.learning_rate.defined()) all.push_back(s.learning_rate);
  all.insert(all.end(), s.slots_in_order.begin(), s.slots_in_order.end());
  return all;
}

Config Optimizer::config() const {
  const State& s = state();
  const auto optional = [](const std::optional<double>& x) { return x ? ConfigValue(*x) : ConfigValue(nullptr); };
  const auto& schedule = s.options.learning_rate.schedule();
  Config c{{"name", s.options.name}};
  if (schedule)
    c.set("learning_rate", Config{{"module", "keras.optimizers.schedules"},
                                  {"class_name", schedule->class_name()},
                                  {"config", schedule->config()},
                                  {"registered_name", nullptr}});
  else
    c.set("learning_rate", learning_rate());
  c.set("weight_decay", optional(s.options.weight_decay));
  c.set("clipnorm", optional(s.options.clipnorm));
  c.set("global_clipnorm", optional(s.options.global_clipnorm));
  c.set("clipvalue", optional(s.options.clipvalue));
  c.set("use_ema", false);
  c.set("ema_momentum", 0.99);
  for (const char* absent : {"ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps"})
    c.set(absent, nullptr);
  const Config own = s.rule->config();
  for (const auto& [key, value] : own.items()) c.set(key, value);
  return c;
}

}  // namespace strata
