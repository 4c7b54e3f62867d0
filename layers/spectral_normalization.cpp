#include "layers/spectral_normalization.h"

#include <memory>

#include "core/compile/graph.h"
#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto arguments = [](auto& field, auto& layer, auto& o) {
  field.required("layer", layer);
  field("power_iterations", o.power_iterations);
};

/// The same graph where `variable` is read as `value`, also behind the losses and updates that layers have added.
Values with_value_of(const Values& outputs, const Variable& variable, const Value& value) {
  const auto rule = [&](const NodePtr& node, const Values& inputs) -> std::optional<Values> {
    if (const auto* read = node->op().as<ReadVariable>())
      return !read->pending && read->variable == variable ? std::optional(Values{value}) : std::nullopt;
    const auto* carrier = node->op().as<WithEffects>();
    if (!carrier) return std::nullopt;
    auto effects = std::make_shared<Effects>(*carrier->effects);
    for (Update& u : effects->updates) u.value = with_value_of({u.value}, variable, value)[0];
    for (Effects::Loss& loss : effects->losses) loss.value = with_value_of({loss.value}, variable, value)[0];
    return Values{Node::make_like(*node, WithEffects{std::move(effects)}, inputs)->output()};
  };
  return rewrite({outputs, {}}, rule).outputs;
}

Value of_length_one(const Value& v) { return v * minimum(rsqrt(sum(square(v), {}, {.keepdims = true})), 1e7); }

class SpectralNormalizationLayer final : public Definition {
 public:
  SpectralNormalizationLayer(Layer layer, SpectralNormalizationOptions options)
      : layer_(std::move(layer)), o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override { layer_.base().check_inputs(inputs); }

  void build(const Shape& input) override {
    layer_.base().ensure_built({input});
    for (const char* name : {"kernel", "embeddings"})
      for (const Variable& v : layer_.base().own_weights())
        if (v.name() == name && !kernel_.defined()) kernel_ = v;
    if (!kernel_.defined())
      throw Error(describe(), layer_.class_name() + " object has no attribute 'kernel' nor 'embeddings'");
    adopt_weight(kernel_);
    vector_u_ = add_weight("vector_u", {1, kernel_.shape().back()}, initializers::TruncatedNormal({.stddev = 0.02}),
                           {.trainable = false});
  }

  Value call(Value x, Mode mode) override {
    const Value y = layer_(x, mode);
    if (mode != Mode::train) return y;
    const Value kernel = divided_kernel();
    // The gradient by the divided kernel is that of the weight.
    const Value read = kernel_;
    return with_value_of({y}, kernel_, read + stop_gradient(kernel - read))[0];
  }

  Layers sublayers() const override { return {layer_}; }
  Config config() const override { return write_arguments(arguments, layer_, o_); }

 private:
  /// Power iterations from the vector of the step before; registers what they leave. A second call within a step starts
  /// from the same numbers.
  Value divided_kernel() {
    const Value kernel = kernel_;
    const Value matrix = reshape(kernel, {-1, kernel_.shape().back()});
    Value u = vector_u_, v;
    for (std::int64_t i = 0; i < o_.power_iterations; ++i) {
      v = of_length_one(matmul(u, matrix, {.transpose_b = true}));
      u = of_length_one(matmul(v, matrix));
    }
    const Value sigma = sum(matmul(v, matrix) * u);
    const Value zero = all(equal(kernel, 0.0));  // nothing to divide, and the vector stays
    const Value divided = where(zero, kernel, kernel / sigma);
    add_update(vector_u_, where(zero, vector_u_, u));
    add_update(kernel_, divided);
    return divided;
  }

  Layer layer_;
  SpectralNormalizationOptions o_;
  Variable kernel_, vector_u_;
};
}  // namespace

Layer SpectralNormalization(const Layer& layer, const SpectralNormalizationOptions& o) {
  const std::string where = place("SpectralNormalization", o.name);
  if (!layer.defined()) fail_expected(where, "a layer", "an empty handle");
  if (o.power_iterations < 1)
    throw Error(where, "`power_iterations` should be greater than zero. Received: `power_iterations=" +
                           std::to_string(o.power_iterations) + "`");
  return make_named<SpectralNormalizationLayer>("SpectralNormalization", o.name, o.trainable, layer, o);
}

namespace {
const bool registered = register_built_in("SpectralNormalization", SpectralNormalization, arguments);
}

}  // namespace strata::layers
