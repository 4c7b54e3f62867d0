#pragma once

#include <string>

#include "models/model.h"

namespace strata {

struct LoadOptions {
  /// Whether the model comes back compiled, with the state of its optimizer, if it was saved so.
  bool compile = true;
  /// Reads the file in a process of its own with limits on memory and time: for files from strangers. HDF5's library
  /// crashes or hangs on some damaged files; isolated, that is an error that names the file. Costs the start of a
  /// process and one more copy of the weights.
  bool isolated = false;
};

/// A model that Keras (2.x or 3) or Model::save wrote: `.keras`, or a legacy `.h5` or `.hdf5` with a whole model.
/// Custom classes must be registered before (register_layer and its like). Nothing in the file is run as code. Errors
/// name the file and, where there is one, the layer. A MemoryError ends a load whose tensors would take more than 1 GiB
/// and 100 times the file.
STRATA_API Model load_model(const std::string& path, const LoadOptions& options = {});

}  // namespace strata
