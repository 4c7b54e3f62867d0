#pragma once

#include "models/functional.h"
#include "models/model_config.h"
#include "models/options.h"

namespace strata {

/// What a model was compiled with: Keras 3's `compile_config`, or with Spelling::legacy the `training_config` of an
/// `.h5` file, in words that Keras 2.15 and Keras 3 both take.
ConfigValue compile_config(const CompileOptions& options, Spelling spelling);

/// The reverse, from either. `outputs` are the names of the model's outputs, for settings that go by position. In files
/// of Keras 2 (`is_keras2`) a plain list of metrics holds for every output; in Keras 3 it has one entry for each.
CompileOptions compile_options(const ConfigValue& config, const std::vector<std::string>& outputs, bool is_keras2);

}  // namespace strata
