#include "core/base/argument_fields.h"

#include <algorithm>
#include <cmath>

#include "core/base/json.h"

namespace strata {

namespace {
/// Python's view of a number: a bool is 0 or 1.
std::optional<double> number(const ConfigValue& c) {
  if (const auto* b = std::get_if<bool>(&c.variant())) return *b ? 1.0 : 0.0;
  if (const auto* i = std::get_if<std::int64_t>(&c.variant())) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&c.variant())) return *d;
  return {};
}
}  // namespace

void from_config(const ConfigValue& c, bool& v) {
  const auto n = number(c);
  v = n && (*n == 0.0 || *n == 1.0) ? *n == 1.0 : c.as_bool();
}

void from_config(const ConfigValue& c, std::int64_t& v) {
  const auto n = number(c);
  const bool whole = n && *n == std::floor(*n) && std::abs(*n) < 9e18;
  v = whole && !std::holds_alternative<std::int64_t>(c.variant()) ? static_cast<std::int64_t>(*n) : c.as_int();
}

void from_config(const ConfigValue& c, int& v) {
  std::int64_t wide = 0;
  from_config(c, wide);
  if (wide != static_cast<int>(wide)) fail_expected("config", "a 32-bit integer", to_json(c));
  v = static_cast<int>(wide);
}

void from_config(const ConfigValue& c, double& v) {
  const auto n = number(c);
  v = n ? *n : c.as_double();
}

void from_config(const ConfigValue& c, std::string& v) { v = c.as_string(); }

const ConfigValue* ArgumentReader::find(const char* key) {
  known_.emplace_back(key);
  return config_.contains(key) ? &config_.at(key) : nullptr;
}

void ArgumentReader::fail(const char* key, const Error& cause) const {
  throw Error(where_, "argument `" + std::string(key) + "`: " + cause.message());
}

void ArgumentReader::fail_missing(const char* key) const {
  throw Error(where_, "the config lacks the argument `" + std::string(key) + "`");
}

void ArgumentReader::seed(const char* key, std::int64_t& value) {
  const ConfigValue* given = find(key);
  // A generator in a seed's place has state of its own, which files do not hold: a new one is drawn.
  if (!given || given->is_null() || std::holds_alternative<Config>(given->variant())) return;
  try {
    from_config(*given, value);
  } catch (const Error& e) {
    fail(key, e);
  }
}

void ArgumentReader::fixed(const char* key, const ConfigValue& value) {
  const ConfigValue* given = find(key);
  if (given && !(*given == value))
    throw Error(where_, "argument `" + std::string(key) + "`: only " + to_json(value) + " is supported; received " +
                            to_json(*given));
}

bool ArgumentReader::asked_for(const std::string& key) const {
  return std::find(known_.begin(), known_.end(), key) != known_.end();
}

void ArgumentReader::finish() const {
  std::string unknown;
  for (const auto& [key, value] : config_.items())
    if (!asked_for(key))
      unknown += (unknown.empty() ? "" : ", ") + ("'" + key + "': " + to_json(value));
  if (!unknown.empty()) throw Error(where_, "Unrecognized keyword arguments: {" + unknown + "}");
}

}  // namespace strata
