#include "models/legacy_spelling.h"

#include <map>

#include "core/graph/class_registry.h"
#include "models/model_reading.h"

namespace strata {

namespace {
const Config* as_object(const ConfigValue& v) { return std::get_if<Config>(&v.variant()); }

ConfigValue legacy_value(const ConfigValue& value);
ConfigValue legacy_layer(const Config& entry);

Config legacy_values(const Config& config) {
  Config out;
  for (const auto& [key, value] : config.items()) out.set(key, legacy_value(value));
  return out;
}

/// The calls of one Functional model. Keras 2 counts the calls of a nested model from 1, Keras 3 from 0. So each of them is
/// listed twice, and number 2 i + 1 is call i for both.
class CallLists {
 public:
  explicit CallLists(const ConfigValue::List& entries) {
    for (const ConfigValue& entry : entries) {
      const ConfigObject object = ConfigObject::read(entry, "layer");
      if (object.class_name == "Functional" || object.class_name == "Sequential") models_[name_of_entry(entry.as_config())] = object.class_name;
    }
  }

  ConfigValue nodes(const Config& entry) const {
    const std::string name = name_of_entry(entry);
    ConfigValue::List lists;
    for (const ConfigValue& node : entry.at("inbound_nodes").as_list()) {
      lists.push_back(call(node.as_config(), name));
      if (models_.contains(name)) lists.push_back(lists.back());
    }
    return lists;
  }

  ConfigValue ends(const ConfigValue& refs) const {
    ConfigValue::List all;
    for (const ConfigValue& ref : refs.as_list()) {
      const std::string& name = ref.as_list()[0].as_string();
      const auto model = models_.find(name);
      // Keras 3 has counted the model itself here, see ModelDefinition::config.
      const std::int64_t call = ref.as_list()[1].as_int() - (model != models_.end() && model->second == "Functional" ? 1 : 0);
      all.push_back(ConfigValue::List{name, number(name, call), ref.as_list()[2]});
    }
    return all;
  }

 private:
  std::int64_t number(const std::string& layer, std::int64_t call) const { return models_.contains(layer) ? 2 * call + 1 : call; }

  ConfigValue call(const Config& node, const std::string& name) const {
    NodeCall read = read_node(node, "layer '" + name + "'");
    if (!read.masks.empty())
      throw Error("layer '" + name + "'", "gets its mask as an argument of its call, which .h5 files cannot say: save the model as .keras");
    ConfigValue::List tensors;
    Config keywords;
    if (read.reverse) keywords.set("reverse", true);
    for (const TensorRef* ref : tensors_of(read)) {
      tensors.push_back(ConfigValue::List{ref->layer, number(ref->layer, ref->call), ref->tensor, keywords});
      keywords = {};  // those of a call stand beside its first tensor
    }
    return tensors;
  }

  std::map<std::string, std::string> models_;  // nested ones, and their class
};

Config legacy_functional(const Config& config) {
  const ConfigValue::List& entries = config.at("layers").as_list();
  const CallLists calls(entries);
  ConfigValue::List layers;
  for (const ConfigValue& entry : entries) {
    if (is_operation(entry.as_config()))
      throw Error("operation '" + name_of_entry(entry.as_config()) + "'",
                  "a plain operation between layers is nothing that Keras reads from .h5 files: save the model as .keras, or use a layer (Add, Rescaling, ...)");
    Config layer = legacy_layer(entry.as_config()).as_config();
    layer.set("name", entry.as_config().at("name"));
    layer.set("inbound_nodes", calls.nodes(entry.as_config()));
    layers.emplace_back(std::move(layer));
  }
  Config out = config;
  out.set("layers", layers);
  out.set("input_layers", calls.ends(config.at("input_layers")));
  out.set("output_layers", calls.ends(config.at("output_layers")));
  return out;
}

/// An argument that Keras 2 knows by another name, which Keras 3 takes, too.
Config with_key(const Config& config, const std::string& key, const std::string& keras2_key) {
  Config out;
  for (const auto& [name, value] : config.items()) out.set(name == key ? keras2_key : name, value);
  return out;
}

ConfigValue legacy_layer(const Config& entry) {
  const ConfigObject object = ConfigObject::read(entry, "layer");
  // Classes of one's own go by their registered name, as in Keras.
  const std::string& class_name = object.module.empty() && !object.registered_name.empty() ? object.registered_name : object.class_name;
  if (object.class_name == "Functional") return Config{{"class_name", class_name}, {"config", legacy_functional(object.arguments())}};
  const Config arguments = object.arguments();
  Config config = legacy_values(arguments);
  if (object.class_name == "Sequential") {
    ConfigValue::List layers;
    for (const ConfigValue& inner : arguments.at("layers").as_list()) layers.push_back(legacy_layer(inner.as_config()));
    config.set("layers", layers);
  }
  if (object.class_name == "InputLayer") config = with_key(config, "batch_shape", "batch_input_shape");
  if (object.class_name == "LeakyReLU") config = with_key(config, "negative_slope", "alpha");
  return Config{{"class_name", class_name}, {"config", config}};
}

ConfigValue legacy_value(const ConfigValue& value) {
  if (const auto* list = std::get_if<ConfigValue::List>(&value.variant())) {
    ConfigValue::List out;
    for (const ConfigValue& item : *list) out.push_back(legacy_value(item));
    return out;
  }
  const Config* object = as_object(value);
  if (object == nullptr) return value;
  if (object->contains("class_name") && object->at("class_name") == ConfigValue("DTypePolicy"))
    return object->at("config").as_config().at("name");
  return legacy_values(*object);  // layers that others wrap keep Keras 3's form, which both read there
}
}  // namespace

ConfigValue legacy_spelling(const ConfigValue& model) { return legacy_layer(model.as_config()); }

}  // namespace strata
