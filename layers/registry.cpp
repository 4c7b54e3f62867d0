#include "layers/registry.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/base/json.h"
#include "layers/registration.h"

namespace strata {

namespace layers {

namespace {
struct ClassNames {
  std::mutex mutex;
  std::unordered_map<std::type_index, std::string> names;
};
ClassNames& class_names() {
  static ClassNames names;
  return names;
}

ClassRegistry<Layer>& registry() {
  static ClassRegistry<Layer> all("layer", "register_layer<T>(\"Name\")");
  return all;
}

/// The C++ name without namespaces and template arguments.
std::string plain_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 && demangled ? demangled.get() : type.name();
  if (const auto arguments = name.find('<'); arguments != std::string::npos) name.resize(arguments);
  if (const auto scope = name.rfind("::"); scope != std::string::npos) name.erase(0, scope + 2);
  return name;
}

/// A layer of the user's: the factory sees its own arguments, name and trainable are set here.
Layer make_registered(const std::string& class_name, const Factory& factory, const Config& config) {
  LayerArguments common;
  Config own;
  ArgumentReader reader(describe_config(class_name, config), config);
  DTypePolicy policy = mixed_precision::global_policy();
  common_arguments(reader, common, policy);
  for (const auto& [key, value] : config.items())
    if (!reader.asked_for(key)) own.set(key, value);
  Layer layer = factory(own);
  layer.base().set_class_name(class_name);
  if (!common.name.empty()) layer.base().set_name(common.name);
  layer.set_trainable(common.trainable);
  return layer.with_dtype(policy);
}
}  // namespace

void register_class(std::type_index type, const std::string& name, Factory factory) {
  if (name.empty()) throw Error("register_layer", "expected a name; received an empty one");
  ClassNames& known = class_names();
  const std::lock_guard lock(known.mutex);
  for (const auto& [other, taken] : known.names)
    if (taken == name && other != type)
      throw Error("register_layer", "the name '" + name + "' already stands for another class");
  registry().add({.class_name = name,
                  .make = [=](const Config& config) { return make_registered(name, factory, config); },
                  .registered_name = "Custom>" + name});
  known.names[type] = name;
}

std::string class_name_of(const std::type_info& type) {
  ClassNames& known = class_names();
  const std::lock_guard lock(known.mutex);
  const auto found = known.names.find(type);
  return found == known.names.end() ? plain_name(type) : found->second;
}

void add_layer_class(const ClassRegistry<Layer>::Entry& entry) { registry().add(entry); }

std::string describe_config(const std::string& class_name, const Config& config) {
  const auto* name = config.contains("name") ? std::get_if<std::string>(&config.at("name").variant()) : nullptr;
  return class_name + (name ? " '" + *name + "'" : "");
}

}  // namespace layers

ConfigValue to_config(const Layer& layer) {
  Config config = layer.base().common_config();
  const Config own = layer.config();
  for (const auto& [key, value] : own.items()) config.set(key, value);
  return layers::registry().to_config(layer.class_name(), config);
}

void from_config(const ConfigValue& value, Layer& layer) { layer = layers::registry().from_config(value); }
std::vector<std::string> layer_names() { return layers::registry().class_names(); }
bool is_layer_name(const std::string& class_name) { return layers::registry().find(class_name) != nullptr; }

}  // namespace strata
