#pragma once

#include <string>

#include "layers/layer.h"

namespace strata::layers {

struct EmbeddingOptions {
  Initializer embeddings_initializer = "uniform";
  Regularizer embeddings_regularizer = {};
  Constraint embeddings_constraint = {};
  std::string name = {};
  bool trainable = true;
};

/// Rows of a table: integers [...] in [0, input_dim) -> [..., output_dim]. Floating indices are rounded toward zero, as
/// Keras does. Weight: embeddings [input_dim, output_dim].
STRATA_API Layer Embedding(std::int64_t input_dim, std::int64_t output_dim, const EmbeddingOptions& = {});

}  // namespace strata::layers
