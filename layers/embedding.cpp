#include "layers/embedding.h"

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/config_values.h"

namespace strata::layers {
namespace {

class EmbeddingLayer final : public Definition {
 public:
  EmbeddingLayer(std::int64_t input_dim, std::int64_t output_dim, EmbeddingOptions options)
      : input_dim_(input_dim), output_dim_(output_dim), o_(std::move(options)) {}

  void build(const Shape&) override {
    embeddings_ = add_weight("embeddings", {input_dim_, output_dim_}, o_.embeddings_initializer,
                             {.regularizer = o_.embeddings_regularizer, .constraint = o_.embeddings_constraint});
  }

  Value call(Value x, Mode) override {
    if (is_floating(x.dtype()) || x.dtype() == DType::boolean) x = cast(x, DType::i32);
    return gather(embeddings_, x, 0);
  }

  Config config() const override {
    return {{"input_dim", input_dim_},
            {"output_dim", output_dim_},
            {"embeddings_initializer", to_config(o_.embeddings_initializer)},
            {"embeddings_regularizer", to_config(o_.embeddings_regularizer)},
            {"activity_regularizer", nullptr},
            {"embeddings_constraint", to_config(o_.embeddings_constraint)},
            {"mask_zero", false}};
  }

 private:
  std::int64_t input_dim_, output_dim_;
  EmbeddingOptions o_;
  Variable embeddings_;
};
}  // namespace

Layer Embedding(std::int64_t input_dim, std::int64_t output_dim, const EmbeddingOptions& o) {
  const std::string where = place("Embedding", o.name);
  require_positive(where, "input_dim", input_dim);
  require_positive(where, "output_dim", output_dim);
  return make_named<EmbeddingLayer>("Embedding", o.name, o.trainable, input_dim, output_dim, o);
}

}  // namespace strata::layers
