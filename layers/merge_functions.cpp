#include "layers/merge_functions.h"

namespace strata::layers {

Symbol add(const Symbols& inputs, const LayerArguments& o) { return Add(o)(inputs); }
Symbol subtract(const Symbols& inputs, const LayerArguments& o) { return Subtract(o)(inputs); }
Symbol multiply(const Symbols& inputs, const LayerArguments& o) { return Multiply(o)(inputs); }
Symbol average(const Symbols& inputs, const LayerArguments& o) { return Average(o)(inputs); }
Symbol maximum(const Symbols& inputs, const LayerArguments& o) { return Maximum(o)(inputs); }
Symbol minimum(const Symbols& inputs, const LayerArguments& o) { return Minimum(o)(inputs); }
Symbol concatenate(const Symbols& inputs, const ConcatenateOptions& o) { return Concatenate(o)(inputs); }
Symbol dot(const Symbols& inputs, const AxisArgument& axes, const DotOptions& o) { return Dot(axes, o)(inputs); }

}  // namespace strata::layers
