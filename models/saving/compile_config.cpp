#include "models/saving/compile_config.h"

#include <algorithm>

#include "core/base/error.h"

namespace strata {

namespace {

using Names = std::vector<std::string>;
const std::string where = "compile settings";

// ---- Writing

/// {"class_name", "config"}, the form that all versions read, without keys that Keras 2 does not know.
ConfigValue in_legacy_form(const ConfigValue& object, const Names& unknown_keys) {
  if (!std::holds_alternative<Config>(object.variant())) return object;
  const Config& whole = object.as_config();
  Config kept;
  if (!std::holds_alternative<Config>(whole.at("config").variant())) return object;  // a registered function
  for (const auto& [key, value] : whole.at("config").as_config().items())
    if (std::find(unknown_keys.begin(), unknown_keys.end(), key) == unknown_keys.end()) kept.set(key, value);
  const bool is_custom = whole.contains("registered_name") && !whole.at("registered_name").is_null();
  return Config{{"class_name", is_custom ? whole.at("registered_name") : whole.at("class_name")}, {"config", kept}};
}

/// Whether Keras 2 knows a metric by its name alone, as it does those that are means of a function: others have
/// arguments.
bool is_name_in_keras2(const Loss&, const ConfigValue&) { return true; }
bool is_name_in_keras2(const Metric&, const ConfigValue& config) {
  const auto* object = std::get_if<Config>(&config.variant());
  if (!object) return true;
  const Config& own = object->at("config").as_config();
  return std::all_of(own.items().begin(), own.items().end(),
                     [](const auto& item) { return item.first == "name" || item.first == "dtype"; });
}

/// A loss or a metric: by its name where the name stands for the same, as users write it.
template <class T>
ConfigValue written(const T& object, Spelling spelling) {
  const ConfigValue config = to_config(object);
  try {
    const bool has_name = spelling == Spelling::keras3 || is_name_in_keras2(object, config);
    if (has_name && to_config(T(object.name())) == config) return object.name();
  } catch (const Error&) {  // not a name of Keras's
  }
  return spelling == Spelling::legacy ? in_legacy_form(config, {"dtype"}) : config;
}

ConfigValue written(const LossSpec& losses, Spelling spelling) {
  if (losses.empty()) return nullptr;
  if (losses.is_single()) return written(losses.items()[0].second, spelling);
  Config named;
  ConfigValue::List listed;
  for (const auto& [name, loss] : losses.items()) {
    if (losses.is_named()) named.set(name, written(loss, spelling));
    listed.push_back(written(loss, spelling));
  }
  return losses.is_named() ? ConfigValue(named) : ConfigValue(listed);
}

/// Whether the targets of an output are numbers of classes.
bool has_class_targets(const LossSpec& losses, const std::string& output) {
  return std::any_of(losses.items().begin(), losses.items().end(), [&](const auto& item) {
    return (losses.is_single() || item.first == output) && item.second.class_name() == "SparseCategoricalCrossentropy";
  });
}

/// "accuracy" said in full: tf.keras guesses its meaning when it reads a file, as if targets were like outputs.
Metric said_in_full(const Metric& metric) {
  return metric.class_name() == "accuracy" ? metrics::SparseCategoricalAccuracy({.name = metric.name()}) : metric;
}

ConfigValue written(const MetricSpec& metrics, const LossSpec& losses, Spelling spelling) {
  if (metrics.empty()) return nullptr;
  Config named;
  ConfigValue::List all;
  for (const auto& [name, own] : metrics.items()) {
    ConfigValue::List list;
    const bool in_full = spelling == Spelling::legacy && has_class_targets(losses, name);
    for (const Metric& metric : own) list.push_back(written(in_full ? said_in_full(metric) : metric, spelling));
    if (!metrics.is_named()) return list;
    named.set(name, list);
  }
  return named;
}

/// Keras 2.15 takes a plain class name for its optimizers of before 2.11, and those of today by their registered names.
/// Keras 3 does not know these and makes the optimizer that the config's `name` says, with default arguments, which
/// must therefore be a class name too; it drops the state and wants a new compile anyway.
ConfigValue written_optimizer(const Optimizer& optimizer, Spelling spelling) {
  const ConfigValue config = to_config(optimizer);
  if (spelling == Spelling::keras3) return config;
  static const Names in_keras2{"Adadelta", "Adafactor", "Adagrad", "Adam",    "AdamW", "Adamax",
                               "Ftrl",     "Lion",      "Nadam",   "RMSprop", "SGD"};
  const std::string name = optimizer.class_name();
  if (std::find(in_keras2.begin(), in_keras2.end(), name) == in_keras2.end()) return in_legacy_form(config, {});
  // Keras 2 has neither, and both are None unless somebody asked for them.
  Config own;
  for (const auto& [key, value] : config.as_config().at("config").as_config().items())
    if ((key != "loss_scale_factor" && key != "gradient_accumulation_steps") || !value.is_null()) own.set(key, value);
  own.set("name", name);
  return Config{{"class_name", "Custom>" + name}, {"config", own}};
}

// ---- Reading

bool is_list(const ConfigValue& v) { return std::holds_alternative<ConfigValue::List>(v.variant()); }
bool is_config(const ConfigValue& v) { return std::holds_alternative<Config>(v.variant()); }
/// Rather than settings by the names of outputs.
bool is_object(const ConfigValue& v) { return is_config(v) && v.as_config().contains("class_name"); }

Loss read_loss(const ConfigValue& config) {
  Loss loss("mean_squared_error");
  from_config(config, loss);
  return loss;
}

/// "accuracy" means a function that the shapes of the targets decide on. tf.keras stores its choice; before it has seen
/// targets it takes them to be like the outputs, which makes it this function.
bool may_be_guessed(const std::string& name, const std::string& function) {
  return (name == "accuracy" || name == "acc") && function == "categorical_accuracy";
}

std::string without_prefix(const std::string& name, const std::string& prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

/// tf.keras wraps a metric that was given as a function's name, under the name that it has in logs. With several outputs
/// all metrics have the output's name in front there, the `prefix`.
Metric read_metric(const ConfigValue& config, const std::string& prefix) {
  if (is_object(config) && config.as_config().at("class_name") == ConfigValue("MeanMetricWrapper")) {
    const Config& wrapper = config.as_config().at("config").as_config();
    if (!std::holds_alternative<std::string>(wrapper.at("fn").variant()))
      throw Error(where, "a metric is a function of one's own, which files cannot hold: register a metric of its name");
    const std::string name = without_prefix(wrapper.at("name").as_string(), prefix), function = wrapper.at("fn").as_string();
    return may_be_guessed(name, function) ? Metric(name) : Metric(function).renamed(name);
  }
  Metric metric("mean_squared_error");
  from_config(config, metric);
  return metric.renamed(without_prefix(metric.name(), prefix));
}

void check_count(std::size_t count, const Names& outputs, const std::string& what) {
  if (count != outputs.size())
    fail_expected(where, std::to_string(outputs.size()) + " " + what + ", one for each output", std::to_string(count));
}

LossSpec read_losses(const ConfigValue& config, const Names& outputs) {
  if (config.is_null()) return {};
  if (!is_list(config) && (!is_config(config) || is_object(config))) return LossSpec(read_loss(config));
  std::vector<std::pair<std::string, Loss>> named;
  if (is_config(config)) {
    for (const auto& [name, loss] : config.as_config().items())
      if (!loss.is_null()) named.emplace_back(name, read_loss(loss));
    return LossSpec::from_items(std::move(named));
  }
  const ConfigValue::List& list = config.as_list();
  check_count(list.size(), outputs, "losses");
  if (list.size() == 1 && !list[0].is_null()) return LossSpec(read_loss(list[0]));
  for (std::size_t i = 0; i < list.size(); ++i)
    if (!list[i].is_null()) named.emplace_back(outputs[i], read_loss(list[i]));
  return LossSpec::from_items(std::move(named));
}

std::vector<Metric> read_metric_list(const ConfigValue& config, const std::string& prefix = "") {
  std::vector<Metric> all;
  if (config.is_null()) return all;
  if (!is_list(config)) return {read_metric(config, prefix)};
  for (const ConfigValue& one : config.as_list())
    if (!one.is_null()) all.push_back(read_metric(one, prefix));
  return all;
}

MetricSpec read_metrics(const ConfigValue& config, const Names& outputs, bool is_keras2) {
  if (config.is_null()) return {};
  std::vector<std::pair<std::string, std::vector<Metric>>> named;
  if (is_config(config) && !is_object(config)) {
    for (const auto& [name, own] : config.as_config().items()) named.emplace_back(name, read_metric_list(own));
    return MetricSpec::from_items(std::move(named));
  }
  const ConfigValue::List list = is_list(config) ? config.as_list() : ConfigValue::List{config};
  const bool is_nested = std::any_of(list.begin(), list.end(), is_list);
  if (!is_nested && outputs.size() == 1) return MetricSpec::from_items({{"", read_metric_list(list)}});
  if (!is_nested && is_keras2) {
    for (const std::string& output : outputs) named.emplace_back(output, read_metric_list(list));
    return MetricSpec::from_items(std::move(named));
  }
  check_count(list.size(), outputs, "lists of metrics");
  const bool has_prefix = is_keras2 && outputs.size() > 1;
  for (std::size_t i = 0; i < list.size(); ++i)
    named.emplace_back(outputs[i], read_metric_list(list[i], has_prefix ? outputs[i] + "_" : ""));
  if (outputs.size() == 1) named[0].first = "";
  return MetricSpec::from_items(std::move(named));
}

std::vector<std::pair<std::string, double>> read_weights(const ConfigValue& config, const Names& outputs) {
  std::vector<std::pair<std::string, double>> weights;
  if (config.is_null()) return weights;
  if (is_config(config)) {
    for (const auto& [name, weight] : config.as_config().items()) weights.emplace_back(name, weight.as_double());
    return weights;
  }
  const ConfigValue::List list = is_list(config) ? config.as_list() : ConfigValue::List{config};
  check_count(list.size(), outputs, "loss weights");
  for (std::size_t i = 0; i < list.size(); ++i) weights.emplace_back(outputs[i], list[i].as_double());
  return weights;
}

const ConfigValue& at_or_null(const Config& config, const std::string& key) {
  static const ConfigValue null;
  return config.contains(key) ? config.at(key) : null;
}

}  // namespace

ConfigValue compile_config(const CompileOptions& options, Spelling spelling) {
  Config weights;
  for (const auto& [name, weight] : options.loss_weights) weights.set(name, weight);
  Config config;
  if (spelling == Spelling::keras3) config.set("optimizer", written_optimizer(options.optimizer, spelling));
  config.set("loss", written(options.loss, spelling));
  config.set("loss_weights", weights.empty() ? ConfigValue(nullptr) : ConfigValue(weights));
  config.set("metrics", written(options.metrics, options.loss, spelling));
  config.set("weighted_metrics", written(options.weighted_metrics, options.loss, spelling));
  config.set("run_eagerly", options.run_eagerly);
  config.set("steps_per_execution", 1);
  config.set("jit_compile", spelling == Spelling::keras3 ? ConfigValue("auto") : ConfigValue(false));
  if (spelling == Spelling::legacy) config.set("optimizer_config", written_optimizer(options.optimizer, spelling));
  return config;
}

CompileOptions compile_options(const ConfigValue& value, const Names& outputs, bool is_keras2) {
  const Config& config = value.as_config();
  CompileOptions options;
  // Keras 3.15 forgets the optimizer in a `.keras` file that is written after an `.h5` one; it then takes the default.
  const ConfigValue& optimizer =
      at_or_null(config, config.contains("optimizer_config") ? "optimizer_config" : "optimizer");
  if (!optimizer.is_null()) from_config(optimizer, options.optimizer);
  options.loss = read_losses(at_or_null(config, "loss"), outputs);
  options.loss_weights = read_weights(at_or_null(config, "loss_weights"), outputs);
  options.metrics = read_metrics(at_or_null(config, "metrics"), outputs, is_keras2);
  options.weighted_metrics = read_metrics(at_or_null(config, "weighted_metrics"), outputs, is_keras2);
  const ConfigValue& eagerly = at_or_null(config, "run_eagerly");
  options.run_eagerly = !eagerly.is_null() && eagerly.as_bool();
  return options;
}

}  // namespace strata
