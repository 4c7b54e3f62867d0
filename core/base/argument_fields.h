#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/config.h"
#include "core/base/error.h"

/// One statement of a class's arguments for all who need them: writing a config, making the class again from one.
///
///     constexpr auto arguments = [](auto& field, auto& units, auto& o) {
///       field.required("units", units);
///       field("activation", o.activation);
///     };
///
/// is called with an ArgumentWriter and constant arguments, or with an ArgumentReader and defaults to overwrite. A type
/// takes part by two functions in its namespace: `ConfigValue to_config(const T&)` and `void from_config(const
/// ConfigValue&, T&)`, which raises an Error that says what it expected.
namespace strata {

inline ConfigValue to_config(bool v) { return v; }
inline ConfigValue to_config(std::int64_t v) { return v; }
inline ConfigValue to_config(int v) { return v; }
inline ConfigValue to_config(double v) { return v; }
inline ConfigValue to_config(const std::string& v) { return v; }
inline ConfigValue to_config(const ConfigValue& v) { return v; }
/// Python's bools count as numbers, and a float without a fraction as an integer: Keras takes both.
STRATA_API void from_config(const ConfigValue&, bool&);
STRATA_API void from_config(const ConfigValue&, std::int64_t&);
STRATA_API void from_config(const ConfigValue&, int&);
STRATA_API void from_config(const ConfigValue&, double&);
STRATA_API void from_config(const ConfigValue&, std::string&);
inline void from_config(const ConfigValue& c, ConfigValue& v) { v = c; }

template <class T>
ConfigValue to_config(const std::optional<T>& v) {
  return v ? to_config(*v) : ConfigValue(nullptr);
}
template <class T>
void from_config(const ConfigValue& c, std::optional<T>& v) {
  if (c.is_null()) {
    v.reset();
    return;
  }
  T value{};
  from_config(c, value);
  v = std::move(value);
}
template <class T>
ConfigValue to_config(const std::vector<T>& v) {
  ConfigValue::List list;
  for (const T& x : v) list.push_back(to_config(x));
  return list;
}
template <class T>
void from_config(const ConfigValue& c, std::vector<T>& v) {
  std::vector<T> read;
  for (const ConfigValue& x : c.as_list()) from_config(x, read.emplace_back());
  v = std::move(read);
}

/// Collects arguments into a config, in the order of the calls.
class STRATA_API ArgumentWriter {
 public:
  template <class T>
  void operator()(const char* key, const T& value, const char* /*legacy_key*/ = nullptr) {
    config_.set(key, to_config(value));
  }
  template <class T>
  void required(const char* key, const T& value) {
    (*this)(key, value);
  }
  /// A random seed, where -1 stands for None.
  void seed(const char* key, std::int64_t value) { config_.set(key, value < 0 ? ConfigValue(nullptr) : value); }
  /// An argument of Keras that exists here with one value only.
  void fixed(const char* key, const ConfigValue& value) { config_.set(key, value); }
  /// The same, but older readers do not know the key: it is read only.
  void accepted(const char* /*key*/, const ConfigValue& /*value*/) {}
  /// An argument that files may hold and that changes nothing here.
  void ignored(const char* /*key*/) {}
  Config take() { return std::move(config_); }

 private:
  Config config_;
};

/// Overwrites defaults with what a config holds. Keys that it lacks keep their defaults: Keras's versions differ.
class STRATA_API ArgumentReader {
 public:
  /// `where` names the class in errors; `config` must outlive the reader.
  ArgumentReader(std::string where, const Config& config) : where_(std::move(where)), config_(config) {}

  template <class T>
  void operator()(const char* key, T& value, const char* legacy_key = nullptr) {
    const ConfigValue* given = find(key);
    if (!given && legacy_key) given = find(legacy_key);
    if (!given) return;
    try {
      from_config(*given, value);
    } catch (const Error& e) {
      fail(key, e);
    }
  }
  /// Error when the config lacks the key.
  template <class T>
  void required(const char* key, T& value) {
    (*this)(key, value);
    if (!config_.contains(key)) fail_missing(key);
  }
  void seed(const char* key, std::int64_t& value);
  /// Error when the config asks for another value.
  void fixed(const char* key, const ConfigValue& value);
  void accepted(const char* key, const ConfigValue& value) { fixed(key, value); }
  void ignored(const char* key) { find(key); }
  bool asked_for(const std::string& key) const;
  /// Error that lists the keys that nothing has asked for: "Unrecognized keyword arguments passed to LSTM: ...".
  void finish() const;

 private:
  const ConfigValue* find(const char* key);
  [[noreturn]] void fail(const char* key, const Error& cause) const;
  [[noreturn]] void fail_missing(const char* key) const;
  std::string where_;
  const Config& config_;
  std::vector<std::string> known_;
};

/// The config of a class from its one statement: `write_arguments(arguments, units_, o_)`.
template <class Statement, class... A>
Config write_arguments(const Statement& statement, const A&... arguments) {
  ArgumentWriter writer;
  statement(writer, arguments...);
  return writer.take();
}

/// The reverse; error naming `where` and the key when a value does not fit, or a key is unknown.
template <class Statement, class... A>
void read_arguments(const std::string& where, const Config& config, const Statement& statement, A&... arguments) {
  ArgumentReader reader(where, config);
  statement(reader, arguments...);
  reader.finish();
}

}  // namespace strata
