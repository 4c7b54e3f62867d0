#include "core/base/config.h"

#include <algorithm>

#include "core/base/error.h"

namespace strata {

Config::Config() = default;
Config::Config(std::initializer_list<std::pair<std::string, ConfigValue>> items) : items_(items) {}
Config::Config(const Config&) = default;
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(const Config&) = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

bool Config::contains(std::string_view key) const {
  return std::any_of(items_.begin(), items_.end(), [&](const auto& item) { return item.first == key; });
}

const ConfigValue& Config::at(std::string_view key) const {
  std::string known;
  for (const auto& [name, value] : items_) {
    if (name == key) return value;
    known += (known.empty() ? "" : ", ") + name;
  }
  fail_expected("config", "one of the keys " + known, "'" + std::string(key) + "'");
}

void Config::set(std::string key, ConfigValue value) {
  for (auto& [name, old] : items_)
    if (name == key) {
      old = std::move(value);
      return;
    }
  items_.emplace_back(std::move(key), std::move(value));
}

namespace {
template <class T>
const T& get(const ConfigValue::Variant& v, std::string_view kind) {
  if (const T* p = std::get_if<T>(&v)) return *p;
  constexpr std::string_view kinds[] = {"null", "a bool", "an integer", "a number", "a string", "a list", "a config"};
  fail_expected("config", kind, kinds[v.index()]);
}
}  // namespace

bool ConfigValue::as_bool() const { return get<bool>(v_, "a bool"); }
std::int64_t ConfigValue::as_int() const { return get<std::int64_t>(v_, "an integer"); }
double ConfigValue::as_double() const {
  if (const auto* i = std::get_if<std::int64_t>(&v_)) return static_cast<double>(*i);
  return get<double>(v_, "a number");
}
const std::string& ConfigValue::as_string() const { return get<std::string>(v_, "a string"); }
const ConfigValue::List& ConfigValue::as_list() const { return get<List>(v_, "a list"); }
const Config& ConfigValue::as_config() const { return get<Config>(v_, "a config"); }

bool operator==(const Config& a, const Config& b) { return a.items_ == b.items_; }
bool operator==(const ConfigValue& a, const ConfigValue& b) { return a.v_ == b.v_; }

}  // namespace strata
