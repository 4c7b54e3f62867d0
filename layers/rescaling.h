#pragma once

#include "layers/layer.h"
#include "layers/numbers.h"

namespace strata::layers {

struct RescalingOptions {
  Numbers offset = 0.0;
  std::string name = {};
  bool trainable = true;
};

/// x * scale + offset, in f32. Lists broadcast against the last axes: one number for each channel, say.
STRATA_API Layer Rescaling(const Numbers& scale, const RescalingOptions& = {});

/// What comes in.
STRATA_API Layer Identity(const LayerArguments& = {});

}  // namespace strata::layers
