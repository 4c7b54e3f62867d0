#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/export.h"

namespace strata {

class ConfigValue;

/// An ordered list of named values: what a layer, an optimizer or a loss was made with, in Keras's names.
/// It is what saving, loading, cloning and `summary` read.
class STRATA_API Config {
 public:
  Config();
  Config(std::initializer_list<std::pair<std::string, ConfigValue>> items);
  Config(const Config&);
  Config(Config&&) noexcept;
  Config& operator=(const Config&);
  Config& operator=(Config&&) noexcept;
  ~Config();

  bool contains(std::string_view key) const;
  /// Error that names `key` and the keys there are.
  const ConfigValue& at(std::string_view key) const;
  /// Replaces the value, or appends the key.
  void set(std::string key, ConfigValue value);
  const std::vector<std::pair<std::string, ConfigValue>>& items() const { return items_; }
  inline bool empty() const;
  friend STRATA_API bool operator==(const Config&, const Config&);

 private:
  std::vector<std::pair<std::string, ConfigValue>> items_;
};

/// One value of a Config: what JSON can say, with integers and floats kept apart as Python does.
class STRATA_API ConfigValue {
 public:
  using List = std::vector<ConfigValue>;
  using Variant = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, List, Config>;

  ConfigValue() = default;
  ConfigValue(std::nullptr_t) {}
  ConfigValue(bool v) : v_(v) {}
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  ConfigValue(I v) : v_(static_cast<std::int64_t>(v)) {}
  template <std::floating_point F>
  ConfigValue(F v) : v_(static_cast<double>(v)) {}
  ConfigValue(const char* v) : v_(std::string(v)) {}
  ConfigValue(std::string v) : v_(std::move(v)) {}
  ConfigValue(List v) : v_(std::move(v)) {}
  ConfigValue(Config v) : v_(std::move(v)) {}
  ConfigValue(const std::vector<std::int64_t>& v) : v_(List(v.begin(), v.end())) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(v_); }
  const Variant& variant() const { return v_; }
  /// Each is an error when the value is of another kind. as_double takes integers, too.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_double() const;
  const std::string& as_string() const;
  const List& as_list() const;
  const Config& as_config() const;
  /// Same kind and same value; lists and configs in the same order.
  friend STRATA_API bool operator==(const ConfigValue&, const ConfigValue&);

 private:
  Variant v_;
};

inline bool Config::empty() const { return items_.empty(); }

}  // namespace strata
