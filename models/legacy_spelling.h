#pragma once

#include "core/base/config.h"

namespace strata {

/// A model's config in Keras 3's spelling, said so that Keras 2 and 3 both understand it in a `.h5`: classes without
/// modules, calls as lists, element types by name. Error naming the layer for what Keras 2 has no words for: plain
/// operations, masks given as arguments. Internal.
ConfigValue legacy_spelling(const ConfigValue& model);

}  // namespace strata
