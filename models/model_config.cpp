#include "models/model_config.h"

#include "core/base/json.h"

namespace strata {

Model model_from_json(const std::string& json) { return model_from_config(parse_json(json, "model_from_json")); }
Model clone_model(const Model& model) { return model_from_config(to_config(model)); }

}  // namespace strata
