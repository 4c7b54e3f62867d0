#include "layers/embedding.h"

#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"
#include "layers/reversed_call.h"

namespace strata::layers {
namespace {

constexpr auto arguments = [](auto& field, auto& input_dim, auto& output_dim, auto& o) {
  field.required("input_dim", input_dim);
  field.required("output_dim", output_dim);
  field("embeddings_initializer", o.embeddings_initializer);
  field("embeddings_regularizer", o.embeddings_regularizer);
  field("activity_regularizer", o.activity_regularizer);
  field("embeddings_constraint", o.embeddings_constraint);
  field("mask_zero", o.mask_zero);
  field.ignored("input_length");  // Keras 2: the input says it itself
};
constexpr auto reversible_arguments = [](auto& field, auto& input_dim, auto& output_dim, auto& o) {
  arguments(field, input_dim, output_dim, o);
  field("tie_weights", o.tie_weights);
  field.fixed("reverse_dtype", nullptr);
  field("logit_soft_cap", o.logit_soft_cap);
};

template <class Options>
class EmbeddingBase : public Definition {
 public:
  EmbeddingBase(std::int64_t input_dim, std::int64_t output_dim, Options options)
      : input_dim_(input_dim), output_dim_(output_dim), o_(std::move(options)) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void build(const Shape&) override {
    embeddings_ = add_weight("embeddings", {input_dim_, output_dim_}, o_.embeddings_initializer,
                             {.regularizer = o_.embeddings_regularizer, .constraint = o_.embeddings_constraint});
  }

  Value call(Value x, Mode) override {
    if (is_floating(x.dtype()) || x.dtype() == DType::boolean) x = cast(x, DType::i32);
    const Value rows = gather(embeddings_, x, 0);
    return o_.mask_zero ? with_mask(rows, not_equal(x, 0)) : rows;
  }
  bool supports_masking() const override { return o_.mask_zero; }

 protected:
  std::int64_t input_dim_, output_dim_;
  Options o_;
  Variable embeddings_;
};

class EmbeddingLayer final : public EmbeddingBase<EmbeddingOptions> {
 public:
  using EmbeddingBase::EmbeddingBase;
  Config config() const override { return write_arguments(arguments, input_dim_, output_dim_, o_); }
};

class ReversibleEmbeddingLayer final : public EmbeddingBase<ReversibleEmbeddingOptions> {
 public:
  using EmbeddingBase::EmbeddingBase;

  void build(const Shape& input) override {
    EmbeddingBase::build(input);
    if (!o_.tie_weights)
      reverse_embeddings_ = add_weight("reverse_embeddings", {output_dim_, input_dim_}, o_.embeddings_initializer);
  }

  Value call_reversed(const Value& vectors, Mode mode) {
    const CallScope scope(name(), mode, trainable());
    if (!built()) throw Error(describe(), "has no table yet: call it on indices before `reverse`");
    require_min_rank(describe(), vectors.shape(), 1);
    require_axis(describe(), vectors.shape(), -1, output_dim_);
    const Value x = to_compute(vectors);
    const Value logits =
        o_.tie_weights ? matmul(x, embeddings_, {.transpose_b = true}) : matmul(x, reverse_embeddings_);
    return o_.logit_soft_cap ? tanh(logits / *o_.logit_soft_cap) * *o_.logit_soft_cap : logits;
  }

  Config config() const override { return write_arguments(reversible_arguments, input_dim_, output_dim_, o_); }

 private:
  Variable reverse_embeddings_;
};

std::shared_ptr<ReversibleEmbeddingLayer> reversible(const Layer& layer) {
  auto found = std::dynamic_pointer_cast<ReversibleEmbeddingLayer>(layer.shared());
  if (!found) fail_expected("reverse", "a ReversibleEmbedding layer", layer.defined() ? "a " + layer.class_name() : "none");
  return found;
}

/// The way back as a step of a model. Its weights are the layer's, which stands in the model by its way there.
class ReverseCall final : public Callable {
 public:
  explicit ReverseCall(std::shared_ptr<ReversibleEmbeddingLayer> layer)
      : layer_(std::move(layer)), name_(unique_name(layer_->name() + "_reverse")) {}
  std::string name() const override { return name_; }
  std::string class_name() const override { return layer_->class_name(); }
  const std::shared_ptr<ReversibleEmbeddingLayer>& layer() const { return layer_; }
  void ensure_built(const Shapes&) override {}
  Values call_on(const Values& inputs, Mode mode) override { return {layer_->call_reversed(inputs.at(0), mode)}; }

 private:
  std::shared_ptr<ReversibleEmbeddingLayer> layer_;
  std::string name_;
};

void require_dimensions(std::string_view where, std::int64_t input_dim, std::int64_t output_dim) {
  require_positive(where, "input_dim", input_dim);
  require_positive(where, "output_dim", output_dim);
}
}  // namespace

Layer Embedding(std::int64_t input_dim, std::int64_t output_dim, const EmbeddingOptions& o) {
  require_dimensions(place("Embedding", o.name), input_dim, output_dim);
  return make_named<EmbeddingLayer>("Embedding", o.name, o.trainable, input_dim, output_dim, o);
}

Layer ReversibleEmbedding(std::int64_t input_dim, std::int64_t output_dim, const ReversibleEmbeddingOptions& o) {
  const std::string where = place("ReversibleEmbedding", o.name);
  require_dimensions(where, input_dim, output_dim);
  if (o.logit_soft_cap && !(*o.logit_soft_cap > 0))
    fail_expected(where, "a logit_soft_cap above 0", to_python(*o.logit_soft_cap));
  return make_named<ReversibleEmbeddingLayer>("ReversibleEmbedding", o.name, o.trainable, input_dim, output_dim, o);
}

Value reverse(const Layer& layer, const Value& x, Mode mode) { return reversible(layer)->call_reversed(x, mode); }

Layer reversed_by(const Callable& step) {
  const auto* back = dynamic_cast<const ReverseCall*>(&step);
  return back == nullptr ? Layer() : Layer(back->layer());
}

Symbol reverse(const Layer& layer, const Symbol& x) {
  return call_symbols(std::make_shared<ReverseCall>(reversible(layer)), {x})[0];
}

namespace {
const bool registered[] = {
    register_built_in("Embedding", Embedding, arguments),
    register_built_in("ReversibleEmbedding", ReversibleEmbedding, reversible_arguments),
};
}

}  // namespace strata::layers
