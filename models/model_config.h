#pragma once

#include <string>

#include "core/base/config.h"
#include "models/model.h"

/// Models as configs: every layer with its arguments, and who is called on what.
namespace strata {

/// How a model is written. Both are read by the same functions.
enum class Spelling {
  keras3,  ///< as Keras 3 writes config.json of a `.keras` file and to_json()
  legacy,  ///< for `.h5`: understood by Keras 2.x and Keras 3 alike
};

/// {"class_name", "config", ...} of the model, without weights and compile settings. Error naming the layer when the
/// spelling has no words for something: Spelling::legacy knows no plain operations between layers.
STRATA_API ConfigValue to_config(const Model&, Spelling = Spelling::keras3);

/// A new model, uncompiled, with new weights (without any, if it is a Sequential that does not know its input), from any
/// of Keras's spellings. Nothing in the config is run as code: Lambda layers are refused. One error lists all unknown
/// classes and says how to register them.
STRATA_API Model model_from_config(const ConfigValue&);
/// The same from JSON.
STRATA_API Model model_from_json(const std::string& json);

/// The same layers with new weights.
STRATA_API Model clone_model(const Model&);

}  // namespace strata
