#pragma once

#include <string>

#include "layers/layer.h"

namespace strata::layers {

struct SpectralNormalizationOptions {
  std::int64_t power_iterations = 1;
  std::string name = {};
  bool trainable = true;
};

/// Calls `layer` with its kernel (or embeddings) divided by an estimate of the largest singular value of that weight as
/// a matrix [n, last axis] (Miyato and others, "Spectral normalization for generative adversarial networks", 2018). In
/// training each call improves the estimate by `power_iterations` steps and leaves the divided kernel in the weight,
/// from which the optimizer goes on; the estimate itself is taken as a constant. In inference the weight is used as it
/// is. Weights: those of the layer, and vector_u [1, last axis].
STRATA_API Layer SpectralNormalization(const Layer& layer, const SpectralNormalizationOptions& = {});

}  // namespace strata::layers
