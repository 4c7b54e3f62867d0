#pragma once

#include "core/base/argument_fields.h"
#include "layers/activations.h"
#include "layers/arguments.h"
#include "layers/constraints.h"
#include "layers/initializers.h"
#include "layers/regularizers.h"

/// For layers that still write their config item by item. Internal.
namespace strata::layers {

inline ConfigValue seed_to_config(std::int64_t seed) { return seed < 0 ? ConfigValue(nullptr) : ConfigValue(seed); }

}  // namespace strata::layers
