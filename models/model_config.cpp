#include "models/model_config.h"

#include "core/base/json.h"
#include "layers/registry.h"
#include "models/legacy_spelling.h"
#include "models/model_reading.h"

namespace strata {

ConfigValue to_config(const Model& model, Spelling spelling) {
  const ConfigValue config = to_config(static_cast<const Layer&>(model));
  return spelling == Spelling::legacy ? legacy_spelling(config) : config;
}

Model model_from_config(const ConfigValue& config) {
  check_classes(config);
  return Model(read_layer(config));
}

Model model_from_json(const std::string& json) { return model_from_config(parse_json(json, "model_from_json")); }
Model clone_model(const Model& model) { return model_from_config(to_config(model)); }

Config Model::get_config() const { return to_config(*this).as_config().at("config").as_config(); }
std::string Model::to_json() const { return strata::to_json(to_config(*this)); }

}  // namespace strata
