#pragma once

#include "layers/layer.h"

namespace strata::layers {

struct RescalingOptions {
  double offset = 0.0;
  std::string name = {};
  bool trainable = true;
};

/// x * scale + offset, in f32.
STRATA_API Layer Rescaling(double scale, const RescalingOptions& = {});

/// What comes in.
STRATA_API Layer Identity(const LayerArguments& = {});

}  // namespace strata::layers
