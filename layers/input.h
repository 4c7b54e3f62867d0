#pragma once

#include <string>

#include "core/graph/symbol.h"

namespace strata::layers {

struct InputOptions {
  DType dtype = DType::f32;
  std::string name = {};  ///< empty: `input_layer`, `input_layer_1`, ...
};

/// A place where data enters a model. `shape` is that of one sample; a size of -1 is open until data arrives, as the
/// batch size in front always is.
STRATA_API Symbol Input(const Shape& shape, const InputOptions& = {});

}  // namespace strata::layers
