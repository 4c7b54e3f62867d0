#include "tools/strata/config_survey.h"

#include <cctype>

#include "models/op_nodes.h"

namespace strata::tools {

namespace {

bool is_object(const ConfigValue& value) { return !text_at(value, "class_name").empty(); }

/// Entries of `layers` in a model's config, which Keras before 2.2.3 wrote as a bare list.
const ConfigValue::List& entries_of(const ConfigValue& model) {
  static const ConfigValue::List none;
  const ConfigValue& config = value_at(model, "config");
  const ConfigValue& layers =
      std::holds_alternative<ConfigValue::List>(config.variant()) ? config : value_at(config, "layers");
  const auto* list = std::get_if<ConfigValue::List>(&layers.variant());
  return list ? *list : none;
}

/// Plain operations between layers. Legacy files do not say their module: they have the names of layers or operations,
/// but nothing of a layer's config.
bool is_operation(const ConfigValue& entry) {
  const std::string module = text_at(entry, "module"), name = text_at(entry, "class_name");
  if (!module.empty()) return module.starts_with("keras.src.ops") || module == "keras.ops";
  return is_op_class("", name) && value_at(value_at(entry, "config"), "trainable").is_null() &&
         !value_at(entry, "inbound_nodes").is_null();
}

std::string policy_of(const ConfigValue& layer) {
  const ConfigValue& policy = value_at(value_at(layer, "config"), "dtype");
  if (const auto* name = std::get_if<std::string>(&policy.variant())) return *name;
  return text_at(value_at(policy, "config"), "name");
}

/// Keras's spelling of a shape in a config: `(None, 28, 28)`.
std::string shape_text(const ConfigValue& shape) {
  const auto* sizes = std::get_if<ConfigValue::List>(&shape.variant());
  if (!sizes) return "of unknown shape";
  std::string text;
  for (const ConfigValue& size : *sizes)
    text += (text.empty() ? "" : ", ") + (size.is_null() ? std::string("None") : to_json(size));
  return "(" + text + (sizes->size() == 1 ? ",)" : ")");
}

std::string input_text(const ConfigValue& layer) {
  const ConfigValue& config = value_at(layer, "config");
  const ConfigValue& shape = value_at(config, "batch_shape");
  const std::string policy = policy_of(layer);
  return text_at(config, "name") + " " + shape_text(shape.is_null() ? value_at(config, "batch_input_shape") : shape) +
         (policy.empty() ? "" : " " + policy);
}

void add_layers(const ConfigValue& model, bool is_outermost, ModelFacts& facts) {
  for (const ConfigValue& entry : entries_of(model)) {
    const std::string name = text_at(entry, "class_name");
    if (name == "InputLayer") {
      if (is_outermost) facts.inputs.push_back(input_text(entry));
    } else if (!entries_of(entry).empty()) {
      ++facts.nested_models;
      add_layers(entry, false, facts);
    } else if (is_operation(entry)) {
      ++facts.operations;
    } else {
      ++facts.layers[name];
      if (const std::string policy = policy_of(entry); !policy.empty()) ++facts.policies[policy];
    }
  }
}

// ---- Classes that are not known here

/// Spellings of one name: "RMSprop", "rms_prop".
std::string plain(const std::string& name) {
  std::string letters;
  for (const char c : name)
    if (c != '_') letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return letters;
}

const std::set<std::string>& known_names() {
  static const std::set<std::string> all = [] {
    // What Keras's files hold beside objects of registered classes.
    std::set<std::string> names{"model",  "functional",  "sequential", "inputlayer",        "kerastensor",
                                "tensor", "dtypepolicy", "policy",     "meanmetricwrapper", "tensorshape"};
    for (const auto& list :
         {layer_names(), loss_names(), metric_names(), optimizer_names(), optimizers::schedules::schedule_names(),
          initializer_names(), regularizer_names(), constraint_names(), activation_names()})
      for (const std::string& name : list) names.insert(plain(name));
    return names;
  }();
  return all;
}

bool is_known(const std::string& name) { return is_layer_name(name) || known_names().contains(plain(name)); }

/// As in "Custom>Adam" of Keras 2.
std::string without_package(const std::string& name) { return name.substr(name.rfind('>') + 1); }

std::string described(const ConfigValue& object) {
  const std::string class_name = text_at(object, "class_name"), registered = text_at(object, "registered_name"),
                    module = text_at(object, "module");
  std::string name = class_name == "function" ? text_at(object, "config") : without_package(class_name), origin;
  for (const std::string& full : {class_name, registered})
    if (full.find('>') != std::string::npos) origin = full;
  if (!module.empty() && module != "builtins") origin += (origin.empty() ? "" : ", ") + module;
  return name + (origin.empty() ? "" : " (" + origin + ")");
}

bool is_unknown(const ConfigValue& object) {
  const std::string class_name = text_at(object, "class_name"), registered = text_at(object, "registered_name");
  if (class_name.starts_with("__")) return false;  // "__keras_tensor__" and the like
  if (is_operation(object)) return !is_op_class(text_at(object, "module"), class_name);
  if (registered.find('>') != std::string::npos) return true;  // a user's, which may be called like one of Keras's
  return !is_known(class_name == "function" ? text_at(object, "config") : without_package(class_name));
}
}  // namespace

const ConfigValue& value_at(const ConfigValue& config, const std::string& key) {
  static const ConfigValue null;
  const auto* object = std::get_if<Config>(&config.variant());
  return object && object->contains(key) ? object->at(key) : null;
}

std::string text_at(const ConfigValue& config, const std::string& key) {
  const auto* text = std::get_if<std::string>(&value_at(config, key).variant());
  return text ? *text : "";
}

ModelFacts model_facts(const ConfigValue& model) {
  ModelFacts facts{.class_name = text_at(model, "class_name"), .name = text_at(value_at(model, "config"), "name")};
  add_layers(model, true, facts);
  return facts;
}

void add_unknown_classes(const ConfigValue& config, std::set<std::string>& unknown) {
  if (const auto* list = std::get_if<ConfigValue::List>(&config.variant()))
    for (const ConfigValue& value : *list) add_unknown_classes(value, unknown);
  const auto* object = std::get_if<Config>(&config.variant());
  if (!object) return;
  if (is_object(config) && object->contains("config") && is_unknown(config)) unknown.insert(described(config));
  for (const auto& [key, value] : object->items()) add_unknown_classes(value, unknown);
}

std::string brief(const ConfigValue& value) {
  if (value.is_null()) return "none";
  std::string text;
  const auto append = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (const auto* list = std::get_if<ConfigValue::List>(&value.variant())) {
    for (const ConfigValue& part : *list) append(brief(part));
  } else if (const auto* object = std::get_if<Config>(&value.variant())) {
    const std::string class_name = without_package(text_at(value, "class_name"));
    if (class_name == "MeanMetricWrapper") return text_at(value_at(value, "config"), "name");
    if (!class_name.empty()) return class_name;
    for (const auto& [key, part] : object->items()) append(key + ": " + brief(part));
  } else if (const auto* name = std::get_if<std::string>(&value.variant())) {
    return *name;
  } else {
    return to_json(value);
  }
  return text.empty() ? "none" : text;
}

}  // namespace strata::tools
