#pragma once

#include <string>

#include "models/model.h"

namespace strata::utils {

/// What a drawn model shows, in Keras's names (plot_model).
struct DotOptions {
  bool show_shapes = true;
  bool show_dtype = false;
  bool show_layer_names = true;
  bool show_layer_activations = false;
  bool expand_nested = false;     ///< models inside as boxes around their layers
  std::string rankdir = "TB";     ///< "TB": from top to bottom; "LR": from left to right
};

/// The model's graph in Graphviz's language. Error for an unknown rankdir, or a model without an input shape.
STRATA_API std::string model_to_dot(const Model&, const DotOptions& = {});

}  // namespace strata::utils
