#pragma once

#include <optional>
#include <string>

#include "layers/layer.h"

namespace strata::layers {

struct EmbeddingOptions {
  Initializer embeddings_initializer = "uniform";
  Regularizer embeddings_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint embeddings_constraint = {};
  bool mask_zero = false;  ///< whether index 0 stands for no step: the mask hides it
  std::string name = {};
  bool trainable = true;
};

/// Rows of a table: integers [...] in [0, input_dim) -> [..., output_dim]. Floating indices are rounded toward zero, as
/// Keras does. Weight: embeddings [input_dim, output_dim].
STRATA_API Layer Embedding(std::int64_t input_dim, std::int64_t output_dim, const EmbeddingOptions& = {});

struct ReversibleEmbeddingOptions {
  bool tie_weights = true;  ///< whether the way back uses the same table
  Initializer embeddings_initializer = "uniform";
  Regularizer embeddings_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint embeddings_constraint = {};
  bool mask_zero = false;  ///< as Embedding's
  std::optional<double> logit_soft_cap = {};  ///< c: the way back gives c tanh(logits / c)
  std::string name = {};
  bool trainable = true;
};

/// An Embedding that also leads back, from vectors to one logit for each row of the table (see `reverse`).
/// Weights: embeddings [input_dim, output_dim] and, unless tied, reverse_embeddings [output_dim, input_dim].
STRATA_API Layer ReversibleEmbedding(std::int64_t input_dim, std::int64_t output_dim,
                                     const ReversibleEmbeddingOptions& = {});

/// The way back: [..., output_dim] -> [..., input_dim], the products with each row of the table. Keras's
/// `layer(x, reverse=True)`. Error unless `layer` is a ReversibleEmbedding, called before.
STRATA_API Symbol reverse(const Layer& layer, const Symbol& x);
STRATA_API Value reverse(const Layer& layer, const Value& x, Mode mode = Mode::infer);

}  // namespace strata::layers
