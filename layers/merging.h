#pragma once

#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// Layers on lists of inputs. The elementwise ones broadcast; an input of lower rank than the others gets axes of size
/// 1 behind its batch axis. They take at least one input, Subtract exactly two.
namespace strata::layers {

STRATA_API Layer Add(const LayerArguments& = {});
STRATA_API Layer Subtract(const LayerArguments& = {});
STRATA_API Layer Multiply(const LayerArguments& = {});
STRATA_API Layer Average(const LayerArguments& = {});
STRATA_API Layer Maximum(const LayerArguments& = {});
STRATA_API Layer Minimum(const LayerArguments& = {});

struct ConcatenateOptions {
  std::int64_t axis = -1;
  std::string name = {};
  bool trainable = true;
};
/// Sizes agree on all other axes.
STRATA_API Layer Concatenate(const ConcatenateOptions& = {});

struct DotOptions {
  bool normalize = false;  ///< whether both inputs get length 1 along their axes first: cosines
  std::string name = {};
  bool trainable = true;
};
/// Products of two inputs, sample by sample, summed along an axis of each (`axes`: one for both or one for each; never
/// the batch): [batch, a..., n] and [batch, b..., n] -> [batch, a..., b...]. Two vectors give [batch, 1].
STRATA_API Layer Dot(const AxisArgument& axes, const DotOptions& = {});

}  // namespace strata::layers
