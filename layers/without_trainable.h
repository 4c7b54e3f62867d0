#pragma once

#include "core/base/config.h"

namespace strata::layers {

/// What a file says of every layer, for the few classes whose constructors in Keras do not take `trainable`. Internal.
inline Config without_trainable(const Config& common) {
  Config rest;
  for (const auto& [key, value] : common.items())
    if (key != "trainable") rest.set(key, value);
  return rest;
}

}  // namespace strata::layers
