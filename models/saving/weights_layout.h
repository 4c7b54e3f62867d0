#pragma once

#include <string>

#include "models/functional.h"
#include "models/saving/hdf5_file.h"
#include "models/saving/pending_values.h"

/// Keras 3's layout of weights, in `.weights.h5` files and inside `.keras` ones (keras/src/saving/saving_lib.py, 3.15):
/// the model at the root, its layers under `layers`, nested models alike, the optimizer under `optimizer`; each object
/// has a group `vars` with its own variables 0, 1, ... Names of groups come from class names.
namespace strata {

/// Writes the model and, if it is compiled and this is asked for, its optimizer.
void write_weights(Hdf5File& file, const ModelDefinition& model, bool include_optimizer);

struct WeightsReading {
  std::string where;           ///< for errors: the call and the file
  bool skip_mismatch = false;  ///< layers that do not fit are left alone, with a warning
};

/// What the file holds for the model and, if that is compiled, for its optimizer. One error lists all
/// layers that do not fit; for an optimizer that does not fit there is a warning, and it starts afresh. Groups that
/// nothing asks for are ignored.
PendingValues read_weights(const StoredTree& file, ModelDefinition& model, const WeightsReading& reading);

}  // namespace strata
