#include "layers/mean_metric.h"
#include "layers/metric_registration.h"

namespace strata {

namespace {
ClassRegistry<Metric>& registry() {
  static ClassRegistry<Metric> all("metric", "register_metric(\"name\", ...)");
  return all;
}

/// The class of the accuracy that the shapes call for ("accuracy" and "acc").
constexpr const char* by_shape = "accuracy";

Metric from_identifier(const std::string& identifier) {
  std::string lower = identifier;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (lower == "accuracy" || lower == "acc")
    return metrics::mean_metric(by_shape, identifier, metrics::Direction::max, metrics::accuracy_by_shape(identifier));
  const Metric found = registry().from_identifier(identifier);
  return found.class_name().front() == '<' ? found : found.renamed(identifier);
}

/// The class that Keras gives a metric which it knows as a function only: its config names the function, `fn`, and
/// holds that one's arguments.
Metric from_wrapper(const Config& config) {
  const ConfigValue& fn = config.at("fn");
  const auto* name = std::get_if<std::string>(&fn.variant());
  const auto function = name ? *name : function_name(ConfigObject::read(fn, "metric"));
  const auto* entry = function ? registry().find(*function) : nullptr;
  if (!entry) throw Error("metric", registry().unknown(function.value_or("MeanMetricWrapper")));
  Config others;
  for (const auto& [key, value] : config.items())
    if (key != "fn") others.set(key, value);
  return entry->make(others);
}
}  // namespace

namespace metrics {
void add_metric_class(const ClassRegistry<Metric>::Entry& entry) { registry().add(entry); }
}  // namespace metrics

Metric::Metric(const char* identifier) : Metric(std::string(identifier)) {}
Metric::Metric(const std::string& identifier) : Metric(from_identifier(identifier)) {}

ConfigValue to_config(const Metric& metric) {
  const std::string& class_name = metric.class_name();
  if (class_name == by_shape) return metric.name();
  const bool nameless = class_name.front() == '<';
  const std::string& name = nameless ? metric.name() : class_name;
  const auto* entry = registry().find(name);
  if (!entry || (nameless && entry->registered_name.empty()))
    throw Error("metric '" + metric.name() + "'",
                "cannot be saved, since it is not registered: register_metric(\"" + name + "\", ...)");
  if (class_name == "<function>") return function_config(entry->registered_name);
  return registry().to_config(name, metric.config());
}

void from_config(const ConfigValue& value, Metric& metric) {
  const ConfigObject object = ConfigObject::read(value, "metric");
  if (const auto function = function_name(object))
    metric = Metric(*function);
  else if (object.config.is_null())
    metric = Metric(object.class_name);
  else
    metric =
        object.class_name == "MeanMetricWrapper" ? from_wrapper(object.arguments()) : registry().from_object(object);
}

void register_metric(const std::string& name, const Metric& metric) {
  if (metric.name() != name)
    fail_expected("register_metric", "the metric's own name, '" + metric.name() + "'", "'" + name + "'");
  registry().add({.class_name = name,
                  .make = [metric](const Config&) { return metric.clone(); },
                  .registered_name = "Custom>" + name});
}

void register_metric(const std::string& class_name, std::function<Metric(const Config&)> make) {
  registry().add({.class_name = class_name, .make = std::move(make), .registered_name = "Custom>" + class_name});
}

std::vector<std::string> metric_names() { return registry().class_names(); }

}  // namespace strata
