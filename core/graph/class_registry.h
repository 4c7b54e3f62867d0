#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/argument_fields.h"
#include "core/graph/names.h"

/// Which class a name in a file or a program stands for. Internal: each kind of class has its own public functions.
namespace strata {

/// An object in a config, in any of Keras's spellings: a name; {"class_name", "config"} of Keras 2; with "module" and
/// "registered_name" in Keras 3.
struct STRATA_API ConfigObject {
  std::string module, class_name, registered_name;
  ConfigValue config;  ///< null where the object is a name alone; a name for a registered function

  /// Error unless the value is such an object; `what` names the kind: "initializer".
  static ConfigObject read(const ConfigValue&, const std::string& what);
  /// As Keras 3 writes it. Built-in classes have no registered name.
  ConfigValue write() const;
  /// The class's own arguments, none where it came as a name.
  Config arguments() const { return config.is_null() ? Config{} : config.as_config(); }
};

/// Makes an object from its config: reads the arguments of `factory` by the one statement of them, then calls it. The
/// arguments start from their types' defaults.
template <class T, class R, class... A, class Statement>
std::function<T(const Config&)> from_arguments(std::string where, R (*factory)(A...), Statement statement) {
  return [=](const Config& config) -> T {
    std::tuple<std::remove_cvref_t<A>...> arguments{};
    std::apply([&](auto&... a) { read_arguments(where, config, statement, a...); }, arguments);
    return std::apply(factory, arguments);
  };
}

/// The classes of one kind. Safe to use from several threads.
template <class T>
class ClassRegistry {
 public:
  struct Entry {
    std::string class_name;
    std::function<T(const Config&)> make;
    std::string module = {};           ///< Keras's; empty for a user's class
    std::string registered_name = {};  ///< "package>name" of a user's class
    std::vector<std::string> aliases = {};
  };

  /// `kind` as in errors ("initializer"); `how` ends the sentence "register it before loading: ...". The built-in
  /// classes belong to `module`.
  ClassRegistry(std::string kind, std::string how, const std::string& module = {}, std::vector<Entry> built_in = {})
      : kind_(std::move(kind)), how_(std::move(how)) {
    for (Entry& entry : built_in) {
      entry.module = module;
      add(entry);
    }
  }

  /// Under its class name (in both spellings), its registered name and its aliases; a user's class replaces an earlier
  /// one of the name. Error when a built-in class has it.
  void add(const Entry& entry) {
    std::vector<std::string> names = entry.aliases;
    for (const std::string& name : {entry.class_name, entry.registered_name, snake_case(entry.class_name)})
      if (!name.empty()) names.push_back(name);
    const std::lock_guard lock(mutex_);
    for (const std::string& name : names)
      if (const auto taken = names_.find(name);
          taken != names_.end() && entry.module.empty() && !entries_.at(taken->second).module.empty())
        throw Error(kind_, "the name '" + name + "' already stands for the built-in class " + taken->second);
    entries_[entry.class_name] = entry;
    for (const std::string& name : names) names_[name] = entry.class_name;
  }

  /// Null when no class has the name.
  const Entry* find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : &entries_.at(found->second);
  }
  const Entry* find(const ConfigObject& object) const {
    const Entry* entry = object.registered_name.empty() ? nullptr : find(object.registered_name);
    return entry ? entry : find(object.class_name);
  }

  /// From a name in either spelling. Error: "Could not interpret initializer identifier: foo".
  T from_identifier(const std::string& identifier) const {
    const Entry* entry = find(identifier);
    if (!entry) entry = find(snake_case(identifier));
    if (!entry) throw Error(kind_, "Could not interpret " + kind_ + " identifier: " + identifier);
    return entry->make({});
  }

  T from_object(const ConfigObject& object) const {
    if (object.config.is_null()) return from_identifier(object.class_name);
    const Entry* entry = find(object);
    if (!entry) throw Error(kind_, unknown(object.class_name));
    return entry->make(object.arguments());
  }
  T from_config(const ConfigValue& value) const { return from_object(ConfigObject::read(value, kind_)); }

  ConfigValue to_config(const std::string& class_name, const Config& config) const {
    const Entry* entry = find(class_name);
    if (!entry) return ConfigObject{{}, class_name, "Custom>" + class_name, config}.write();
    return ConfigObject{entry->module, entry->class_name, entry->registered_name, config}.write();
  }

  std::string unknown(const std::string& class_name) const {
    return "Unknown " + kind_ + " '" + class_name + "': register it before loading: " + how_;
  }
  /// Class names, sorted.
  std::vector<std::string> class_names() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [name, entry] : entries_) all.push_back(name);
    return all;
  }

 private:
  std::string kind_, how_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;      // by class name
  std::map<std::string, std::string> names_;  // to class names
};

}  // namespace strata
