#pragma once

#include <string>
#include <vector>

#include "core/graph/names.h"
#include "layers/loss_registration.h"
#include "layers/metrics.h"

/// How a built-in metric makes itself known to files: as losses do (layers/loss_registration.h). Internal.
namespace strata::metrics {

inline constexpr auto no_arguments = [](auto&, auto&) {};

void add_metric_class(const ClassRegistry<Metric>::Entry& entry);

/// What the config of every metric may hold beside its own arguments.
template <class Options>
void common_arguments(ArgumentReader& field, Options& o) {
  field("name", o.name);
  if constexpr (requires { o.dtype; }) {
    field("dtype", o.dtype);
  } else {
    losses::Float32 dtype;
    field("dtype", dtype);
  }
}

template <class Made, class Options, class Statement>
bool register_built_in(const char* class_name, Statement own_arguments, std::vector<std::string> aliases = {}) {
  const auto all_arguments = [own_arguments](ArgumentReader& field, Options& o) {
    common_arguments(field, o);
    own_arguments(field, o);
  };
  add_metric_class({.class_name = class_name,
                    .make = [=](const Config& config) -> Metric {
                      Options o;
                      read_arguments(losses::describe_config("metric", class_name, config), config, all_arguments, o);
                      return Made(o);
                    },
                    .module = "keras.metrics",
                    .aliases = std::move(aliases)});
  return true;
}

/// An argument that is None, a number or a list of numbers in Keras.
template <class Field, class Numbers>
void number_or_list(Field& field, const char* key, Numbers& values) {
  if constexpr (std::same_as<Field, ArgumentWriter>) {
    field(key, values.empty() ? ConfigValue(nullptr) : values.size() == 1 ? ConfigValue(values[0]) : to_config(values));
  } else {
    ConfigValue given = values.empty() ? ConfigValue(nullptr) : to_config(values);
    field(key, given);
    values.clear();
    if (std::holds_alternative<ConfigValue::List>(given.variant()))
      from_config(given, values);
    else if (!given.is_null())
      from_config(given, values.emplace_back());
  }
}

inline std::string who(const std::string& name) { return "metric '" + name + "'"; }
inline std::string or_default(const std::string& name, const std::string& fallback) {
  return name.empty() ? fallback : name;
}
inline std::string or_unique(const std::string& name, const char* stem) {
  return name.empty() ? unique_name(stem) : name;
}

}  // namespace strata::metrics
