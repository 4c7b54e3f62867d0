#pragma once

#include <string>

#include "models/functional.h"
#include "models/saving/hdf5_file.h"
#include "models/saving/pending_values.h"
#include "optim/optimizer.h"

/// The layout of weights in legacy `.h5` files, whole models and weights alone
/// (keras/src/legacy/saving/legacy_h5_format.py, 3.15, and its forerunners): a group for each layer with the list
/// `weight_names`, the layers listed in `layer_names`. A nested model or a wrapper is one group with all of its
/// weights, trainable ones first.
namespace strata {

/// Below `group`: "model_weights" in a whole model, "" in a file of weights alone.
void write_legacy_weights(Hdf5File& file, const std::string& group, const ModelDefinition& model);
/// `optimizer_weights`, in the order of Keras 2.15, which continues from it. Keras 3 drops the state of any legacy
/// file.
void write_legacy_optimizer(Hdf5File& file, const Optimizer& optimizer);

struct LegacyReading {
  std::string where;           ///< for errors: the call and the file
  bool by_name = false;        ///< layers are found by their names, and those without a counterpart left alone
  bool skip_mismatch = false;  ///< with by_name: layers that do not fit are left alone, with a warning
};

/// What the file holds for the model: by the order of layers with weights, or by name. Error at the first layer that
/// does not fit.
PendingValues read_legacy_weights(const StoredTree& file, const std::string& group, const ModelDefinition& model,
                                  const LegacyReading& reading);
/// The state of the optimizer. When it does not fit there is a warning, and the optimizer
/// starts afresh.
PendingValues read_legacy_optimizer(const StoredTree& file, const ModelDefinition& model, const std::string& where);

}  // namespace strata
