// How a run of fit is saved between two steps, and how a later one goes on with it.
#include <algorithm>
#include <typeinfo>

#include "core/base/json.h"
#include "core/device/seed.h"
#include "models/functional.h"
#include "models/loop.h"
#include "models/shared_run.h"

namespace strata {

using callbacks::SavedState;

namespace {
/// Raised when the numbers or their meaning change.
constexpr std::int64_t run_format = 1;

ConfigValue number(std::uint64_t v) { return static_cast<std::int64_t>(v); }
std::uint64_t number(const ConfigValue& v) { return static_cast<std::uint64_t>(v.as_int()); }

[[noreturn]] void fail_foreign(const SavedState& run, const std::string& what) {
  throw Error("fit", "the run saved in '" + run.origin + "' cannot go on here: " + what +
                         ". Start the program that saved it, or delete the file to train from the beginning");
}

/// The random streams of a layer and of those inside.
void add_random_state(const layers::Base& layer, std::vector<std::pair<std::string, Variable>>& all) {
  for (const Variable& v : layer.own_state()) all.emplace_back("random/" + layer.name() + "/" + v.name(), v);
  for (const Layer& inner : layer.sublayers()) add_random_state(inner.base(), all);
}

/// A config without its learning rates: those that are numbers are among the optimizer's variables, and may have
/// changed.
ConfigValue without_rates(const ConfigValue& value) {
  if (const auto* list = std::get_if<ConfigValue::List>(&value.variant())) {
    ConfigValue::List kept;
    for (const ConfigValue& v : *list) kept.push_back(without_rates(v));
    return kept;
  }
  const auto* config = std::get_if<Config>(&value.variant());
  if (config == nullptr) return value;
  Config kept;
  for (const auto& [key, v] : config->items())
    if (key != "learning_rate" || std::holds_alternative<Config>(v.variant())) kept.set(key, without_rates(v));
  return kept;
}

/// What decides how the optimizer moves.
Config optimizer_identity(const Optimizer& optimizer) {
  Config identity{{"class_name", optimizer.class_name()}};
  const Config config = without_rates(optimizer.config()).as_config();
  for (const auto& [key, value] : config.items()) identity.set(key, value);
  return identity;
}

/// "batch_size 32 where this run has 64" for the first difference, empty if there is none.
std::string difference(const Config& saved, const Config& here) {
  for (const auto& [key, value] : here.items()) {
    const ConfigValue before = saved.contains(key) ? saved.at(key) : ConfigValue();
    if (!(before == value)) return "'" + key + "' was " + to_json(before) + " and is " + to_json(value);
  }
  return saved.items().size() == here.items().size() ? "" : "it has other settings";
}

std::string described(const std::string& name, const Tensor& t) { return "'" + name + "' " + to_string(t.type()); }

Config config_of(const Logs& logs) {
  Config values;
  for (const auto& [name, value] : logs) values.set(name, value);
  return values;
}
}  // namespace

std::optional<SavedState> FitLoop::earlier_run() const {
  std::optional<SavedState> run;
  if (model_.definition().speaks())
    for (const Callback& c : options_.callbacks)
      if ((run = c->earlier_run())) break;
  return others_ ? given_to_all(*others_, run) : run;
}

std::vector<std::pair<std::string, Variable>> FitLoop::run_variables() const {
  std::vector<std::pair<std::string, Variable>> all;
  for (const Variable& v : model_.weights()) all.emplace_back("weights/" + v.path(), v);
  add_random_state(model_.definition(), all);
  for (const Variable& v : trainer_.optimizer().variables()) all.emplace_back("optimizer/" + v.path(), v);
  for (const auto& [name, v] : trainer_.metric_state()) all.emplace_back("metrics/" + name, v);
  return all;
}

SavedState FitLoop::save_run() const {
  SavedState run;
  run.values.set("format", run_format);
  run.values.set("position", Config{{"epoch", at_.epoch},
                                    {"step", at_.step},
                                    {"pass_epoch", at_.pass_epoch},
                                    {"pass_batches", at_.pass_batches},
                                    {"first_batch", number(at_.first_batch)},
                                    {"stopped", at_.stopped},
                                    {"ran_out", at_.ran_out}});
  Config data = training_.recipe();
  data.set("steps_per_epoch", options_.steps_per_epoch);
  run.values.set("data", std::move(data));
  run.values.set("order_seed", number(training_.seed()));
  run.values.set("process_seed", number(random::process_seed_position()));
  run.values.set("optimizer", optimizer_identity(trainer_.optimizer()));
  Config history;
  for (const auto& [name, series] : history_) history.set(name, ConfigValue::List(series.begin(), series.end()));
  run.values.set("history", std::move(history));
  run.values.set("epochs", ConfigValue::List(history_.epochs().begin(), history_.epochs().end()));
  run.values.set("last_logs", config_of(last_logs_));
  for (const auto& [name, v] : run_variables()) run.tensors.emplace_back(name, v.value());
  ConfigValue::List states;
  each([&](const callbacks::Definition& c) {
    SavedState state = c.save_state();
    if (state.values.empty() && state.tensors.empty()) return;
    for (auto& [name, t] : state.tensors)
      run.tensors.emplace_back("callback " + std::to_string(states.size()) + "/" + name, std::move(t));
    states.emplace_back(Config{{"class_name", layers::class_name_of(typeid(c))}, {"values", std::move(state.values)}});
  });
  run.values.set("callbacks", std::move(states));
  return run;
}

void FitLoop::resume(const SavedState& run) {
  restore_position(run);
  check_identity(run);
  const std::uint64_t order_seed = number(run.values.at("order_seed"));
  training_.set_seed(order_seed);
  Batch first = replay(run);
  trainer_.prepare(first);
  const auto variables = run_variables();
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const auto& [name, variable] = variables[i];
    if (i >= run.tensors.size()) fail_foreign(run, "it lacks " + described(name, variable.value()));
    const auto& [saved_name, saved] = run.tensors[i];
    if (saved_name != name || saved.type() != variable.value().type())
      fail_foreign(run, "it holds " + described(saved_name, saved) + " where this model has " +
                            described(name, variable.value()));
  }
  if (run.tensors.size() > variables.size() && !run.tensors[variables.size()].first.starts_with("callback "))
    fail_foreign(run, "it holds '" + run.tensors[variables.size()].first + "', which this model lacks");
  // All is checked: from here on nothing fails.
  for (std::size_t i = 0; i < variables.size(); ++i) variables[i].second.assign(run.tensors[i].second);
  trainer_.set_shuffle_seed(order_seed);
  utils::set_random_seed(number(run.values.at("process_seed")));
  restore_history(run.values);
}

void FitLoop::restore_position(const SavedState& run) {
  if (run.values.at("format").as_int() != run_format)
    fail_foreign(run, "it was written in format " + std::to_string(run.values.at("format").as_int()) +
                          ", and this version reads " + std::to_string(run_format));
  const Config& position = run.values.at("position").as_config();
  at_.epoch = static_cast<int>(position.at("epoch").as_int());
  at_.step = position.at("step").as_int();
  at_.pass_epoch = static_cast<int>(position.at("pass_epoch").as_int());
  at_.pass_batches = position.at("pass_batches").as_int();
  at_.first_batch = number(position.at("first_batch"));
  at_.stopped = position.at("stopped").as_bool();
  at_.ran_out = position.at("ran_out").as_bool();
}

void FitLoop::check_identity(const SavedState& run) const {
  Config data = training_.recipe();
  data.set("steps_per_epoch", options_.steps_per_epoch);
  const std::string other_data = difference(run.values.at("data").as_config(), data);
  if (!other_data.empty()) fail_foreign(run, "the data is passed otherwise: " + other_data);
  const std::string other_optimizer =
      difference(run.values.at("optimizer").as_config(), optimizer_identity(trainer_.optimizer()));
  if (!other_optimizer.empty()) fail_foreign(run, "the optimizer is another one: " + other_optimizer);
}

Batch FitLoop::replay(const SavedState& run) {
  training_.start(at_.pass_epoch);
  at_.pass_started = true;
  std::optional<Batch> first = training_.next();
  if (!first || fingerprint(*first) != at_.first_batch)
    fail_foreign(run, "the data, or its order, is not the same: the first batch of epoch " +
                          std::to_string(at_.pass_epoch + 1) + " differs");
  add_class_weights(*first);
  // A pass that is over need not be walked through.
  const bool goes_on = at_.step > 0 || continues_;
  if (goes_on && !training_.skip(at_.pass_batches - 1))
    fail_foreign(run, "the data ends before the " + std::to_string(at_.pass_batches) + " batches that were done");
  return std::move(*first);
}

void FitLoop::restore_history(const Config& values) {
  std::vector<int> epochs;
  for (const ConfigValue& epoch : values.at("epochs").as_list()) epochs.push_back(static_cast<int>(epoch.as_int()));
  History::NamedSeries named;
  for (const auto& [name, list] : values.at("history").as_config().items()) {
    History::Series series;
    for (const ConfigValue& v : list.as_list()) series.push_back(v.as_double());
    named.emplace_back(name, std::move(series));
  }
  history_ = History(std::move(epochs), std::move(named));
  Logs::Items items;
  for (const auto& [name, value] : values.at("last_logs").as_config().items())
    items.emplace_back(name, value.as_double());
  last_logs_ = Logs(std::move(items));
}

void FitLoop::restore_callbacks(const SavedState& run) {
  const ConfigValue::List& states = run.values.at("callbacks").as_list();
  std::vector<bool> taken(options_.callbacks.size(), false);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const std::string& class_name = states[i].as_config().at("class_name").as_string();
    const auto is_it = [&](const callbacks::Definition& c) { return layers::class_name_of(typeid(c)) == class_name; };
    std::size_t k = 0;
    while (k < taken.size() && (taken[k] || !is_it(*options_.callbacks[k]))) ++k;
    if (k == taken.size()) fail_foreign(run, "it belongs to a fit with the callback " + class_name);
    taken[k] = true;
    SavedState state{states[i].as_config().at("values").as_config(), {}, run.origin};
    const std::string prefix = "callback " + std::to_string(i) + "/";
    for (const auto& [name, t] : run.tensors)
      if (name.starts_with(prefix)) state.tensors.emplace_back(name.substr(prefix.size()), t);
    if (model_.definition().speaks() || !options_.callbacks[k]->only_writes())
      options_.callbacks[k]->restore_state(state);
  }
}

}  // namespace strata
