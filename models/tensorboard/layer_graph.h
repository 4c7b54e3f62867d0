#pragma once

#include <string>

#include "models/model.h"

namespace strata::tensorboard {

/// The calls of a model's layers as a serialized Graph: a node for each call, named after its layer (a further call of
/// the same layer: "dense_call_2"), with its class and the shapes it gives; nested models are groups.
std::string layer_graph(const Model& model);

}  // namespace strata::tensorboard
