#include <algorithm>
#include <set>

#include "core/base/json.h"
#include "core/graph/class_registry.h"
#include "core/graph/names.h"
#include "layers/input.h"
#include "layers/registration.h"
#include "models/model_config.h"
#include "models/model_reading.h"
#include "models/op_nodes.h"

namespace strata {

namespace {
const std::set<std::string> model_classes{"Functional", "Model", "Sequential"};

bool is_model(const ConfigObject& object) {
  return model_classes.contains(object.class_name) && !object.module.starts_with("keras.layers");
}

/// Models inside models, on this thread.
class NestingGuard {
 public:
  explicit NestingGuard(const std::string& where) {
    if (++depth() > most_nested_models) {
      --depth();
      throw Error(where, "models are nested more than " + std::to_string(most_nested_models) + " deep");
    }
  }
  NestingGuard(const NestingGuard&) = delete;
  NestingGuard& operator=(const NestingGuard&) = delete;
  ~NestingGuard() { --depth(); }

 private:
  static int& depth() {
    static thread_local int d = 0;
    return d;
  }
};

struct Unreadable {
  std::vector<std::string> unknown, code;
  std::size_t layers = 0;
};

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

const ConfigValue::List& layers_of(const ConfigObject& model) {
  if (const auto* bare = std::get_if<ConfigValue::List>(&model.config.variant())) return *bare;
  return member(model.config.as_config(), "layers", "model").as_list();
}

std::uint64_t inspect(const ConfigValue& entry, Unreadable& found);

/// How often layers are called in one pass through the model.
std::uint64_t inspect_model(const ConfigObject& model, Unreadable& found) {
  const NestingGuard guard("model");
  std::uint64_t calls = 0;
  for (const ConfigValue& inner : layers_of(model)) {
    std::uint64_t times = 1;
    if (const auto* entry = std::get_if<Config>(&inner.variant()); entry && entry->contains("inbound_nodes"))
      times = std::max<std::uint64_t>(times, entry->at("inbound_nodes").as_list().size());
    calls += times * inspect(inner, found);  // bounded by the length of the text, and by most_calls
    if (calls > most_calls)
      throw Error("model", "calls layers more than " + std::to_string(most_calls) + " times, nested models counted out");
  }
  return calls;
}

/// How often layers are called in one call of this one.
std::uint64_t inspect(const ConfigValue& entry, Unreadable& found) {
  const ConfigObject object = ConfigObject::read(entry, "layer");
  if (++found.layers > most_layers) throw Error("model", "has more than " + std::to_string(most_layers) + " layers");
  if (is_model(object)) return inspect_model(object, found);
  const std::string& name = object.class_name;
  if (object.class_name == "InputLayer") return 1;
  if (is_operation(entry.as_config())) {
    if (!is_op_class(object.module, name)) add_once(found.unknown, "'" + name + "' (an operation)");
    return 1;
  }
  if (name == "Lambda") add_once(found.code, layers::describe_config(name, object.arguments()));
  else if (!is_layer_name(name) && !is_layer_name(object.registered_name)) add_once(found.unknown, "'" + name + "'");
  for (const char* wrapped : {"layer", "backward_layer"}) {
    if (object.config.is_null()) continue;
    const Config& config = object.config.as_config();
    if (config.contains(wrapped) && std::holds_alternative<Config>(config.at(wrapped).variant())) inspect(config.at(wrapped), found);
  }
  return 1;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

/// What older files say in the place of an InputLayer: the shape that the first layer takes.
std::optional<Symbol> input_of_first(const ConfigValue::List& layers) {
  if (layers.empty()) return std::nullopt;
  const ConfigObject first = ConfigObject::read(layers[0], "layer");
  if (is_model(first) || first.config.is_null()) return std::nullopt;
  for (const char* key : {"batch_input_shape", "batch_shape"})
    if (first.arguments().contains(key) && !first.arguments().at(key).is_null()) {
      Config input{{"batch_shape", first.arguments().at(key)}};
      if (first.arguments().contains("dtype") && std::holds_alternative<std::string>(first.arguments().at("dtype").variant()))
        input.set("dtype", first.arguments().at("dtype"));
      return read_input(input, "Sequential");
    }
  return std::nullopt;
}

std::shared_ptr<ModelDefinition> with_name(std::shared_ptr<ModelDefinition> model, const Config* config) {
  std::string name;
  bool trainable = true;
  if (config != nullptr && config->contains("name") && !config->at("name").is_null()) from_config(config->at("name"), name);
  if (config != nullptr && config->contains("trainable") && !config->at("trainable").is_null())
    from_config(config->at("trainable"), trainable);
  model->set_name(name.empty() ? unique_name(snake_case(model->class_name())) : name);
  model->restore_trainable(trainable);
  if (config != nullptr && model->is_sequential() && config->contains("dtype")) {
    DTypePolicy policy = model->dtype_policy();
    from_config(config->at("dtype"), policy);
    model->set_dtype_policy(policy);
  }
  return model;
}

Shape read_shape(const ConfigValue& value, const std::string& where) {
  Shape shape;
  for (const ConfigValue& size : value.as_list()) {
    std::int64_t n = open_dim;
    if (!size.is_null()) from_config(size, n);
    if (!size.is_null() && n < 0) fail_expected(where, "sizes of at least 0, or null for an open one", to_json(value));
    shape.push_back(n);
  }
  return shape;
}
}  // namespace

bool is_operation(const Config& entry) {
  const ConfigObject object = ConfigObject::read(entry, "layer");
  if (!object.module.empty()) return object.module.starts_with("keras.src.ops") || object.module == "keras.ops";
  // Keras 3 writes operations into .h5 without their module: they have the names of layers, but nothing of a layer's config.
  return is_op_class("", object.class_name) && !object.config.is_null() && !object.arguments().contains("trainable");
}

std::string name_of_entry(const Config& entry) {
  std::string name;
  if (entry.contains("name")) {
    from_config(entry.at("name"), name);
  } else if (const ConfigObject object = ConfigObject::read(entry, "layer"); !object.config.is_null() && object.arguments().contains("name")) {
    from_config(object.arguments().at("name"), name);
  }
  if (name.empty()) throw Error("model", "a layer has no name: " + to_json(entry));
  return name;
}

Symbol read_input(const Config& config, const std::string& where) {
  const char* key = config.contains("batch_shape") ? "batch_shape" : "batch_input_shape";
  const Shape shape = read_shape(member(config, key, where), where);
  if (shape.rank() == 0) fail_expected(where, "a shape with a batch dimension", "[]");
  for (const char* unsupported : {"sparse", "ragged"})
    if (config.contains(unsupported) && config.at(unsupported) == ConfigValue(true))
      throw Error(where, std::string(unsupported) + " inputs are not supported");
  DTypePolicy dtype("float32");
  if (config.contains("dtype")) from_config(config.at("dtype"), dtype);
  std::string name;
  if (config.contains("name") && !config.at("name").is_null()) from_config(config.at("name"), name);
  return input_symbol(name.empty() ? unique_name("input_layer") : name, shape, dtype.compute_dtype());
}

Layer read_layer(const ConfigValue& entry) {
  const ConfigObject object = ConfigObject::read(entry, "layer");
  if (object.class_name == "Sequential" && std::holds_alternative<ConfigValue::List>(object.config.variant()))
    return Layer(read_sequential(object.config));
  Layer layer;
  from_config(entry, layer);
  return layer;
}

std::shared_ptr<ModelDefinition> read_sequential(const ConfigValue& value) {
  const NestingGuard guard("Sequential");
  const auto* config = std::get_if<Config>(&value.variant());
  const ConfigValue::List& entries = config ? member(*config, "layers", "Sequential").as_list() : value.as_list();
  Layers layers;
  std::optional<Symbol> input = input_of_first(entries);
  for (const ConfigValue& entry : entries) {
    const ConfigObject object = ConfigObject::read(entry, "layer");
    if (object.class_name == "InputLayer") {
      if (!layers.empty()) throw Error("Sequential", "an InputLayer can only be the first layer");
      input = read_input(object.arguments(), layers::describe_config("InputLayer", object.arguments()));
    } else {
      layers.push_back(read_layer(entry));
    }
  }
  if (!input && config && config->contains("build_input_shape") && std::holds_alternative<ConfigValue::List>(config->at("build_input_shape").variant()))
    input = input_symbol(unique_name("input_layer"), read_shape(config->at("build_input_shape"), "Sequential"), DType::f32);
  // Its name comes first: weights are named by it.
  auto model = with_name(std::make_shared<ModelDefinition>(input ? layers : Layers{}), config);
  if (input) {
    model->start_from(*input);
  } else {
    for (const Layer& layer : layers) model->append(layer);
  }
  return model;
}

void check_classes(const ConfigValue& model) {
  Unreadable found;
  inspect(model, found);
  if (!found.code.empty())
    throw Error("model", joined(found.code) + ": a Lambda layer holds Python code, which is not run: it could do anything to this machine, "
                         "and there is no Python here. Make it a layer of your own and register it: register_layer<T>(\"Name\")");
  if (!found.unknown.empty())
    throw Error("model", "Unknown layer classes: " + joined(found.unknown) +
                             ". Register each of your own before loading: register_layer<T>(\"Name\")");
}

namespace {
Layer make_functional(const Config& config) {
  const NestingGuard guard("Functional");
  return Layer(with_name(read_functional(config), &config));
}
Layer make_sequential(const Config& config) { return Layer(read_sequential(config)); }

const bool registered = [] {
  layers::add_layer_class({.class_name = "Functional", .make = make_functional, .module = "keras.src.models.functional",
                           .registered_name = "Functional", .aliases = {"Model"}});
  layers::add_layer_class({.class_name = "Sequential", .make = make_sequential, .module = "keras"});
  return true;
}();
}  // namespace

}  // namespace strata
