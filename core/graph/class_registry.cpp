#include "core/graph/class_registry.h"

#include "core/base/json.h"

namespace strata {

namespace {
std::string text_of(const Config& object, const char* key) {
  if (!object.contains(key)) return {};
  const auto* text = std::get_if<std::string>(&object.at(key).variant());
  return text ? *text : std::string();
}
}  // namespace

ConfigObject ConfigObject::read(const ConfigValue& value, const std::string& what) {
  if (const auto* name = std::get_if<std::string>(&value.variant())) return {{}, *name, {}, {}};
  const auto* object = std::get_if<Config>(&value.variant());
  if (!object || text_of(*object, "class_name").empty())
    fail_expected(what, "a name or an object with `class_name` and `config`", to_json(value));
  ConfigObject read{text_of(*object, "module"), text_of(*object, "class_name"), text_of(*object, "registered_name"), Config{}};
  if (object->contains("config")) read.config = object->at("config");
  return read;
}

ConfigValue ConfigObject::write() const {
  return Config{{"module", module.empty() ? ConfigValue(nullptr) : ConfigValue(module)},
                {"class_name", class_name},
                {"config", config},
                {"registered_name", registered_name.empty() ? ConfigValue(nullptr) : ConfigValue(registered_name)}};
}

}  // namespace strata
