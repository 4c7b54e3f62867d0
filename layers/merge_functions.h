#pragma once

#include "layers/merging.h"

/// Keras's functions for merging: the layer of the name, made and called.
namespace strata::layers {

STRATA_API Symbol add(const Symbols& inputs, const LayerArguments& = {});
STRATA_API Symbol subtract(const Symbols& inputs, const LayerArguments& = {});
STRATA_API Symbol multiply(const Symbols& inputs, const LayerArguments& = {});
STRATA_API Symbol average(const Symbols& inputs, const LayerArguments& = {});
STRATA_API Symbol maximum(const Symbols& inputs, const LayerArguments& = {});
STRATA_API Symbol minimum(const Symbols& inputs, const LayerArguments& = {});
STRATA_API Symbol concatenate(const Symbols& inputs, const ConcatenateOptions& = {});
STRATA_API Symbol dot(const Symbols& inputs, const AxisArgument& axes = -1, const DotOptions& = {});

}  // namespace strata::layers
