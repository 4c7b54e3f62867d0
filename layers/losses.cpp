#include "layers/losses.h"

#include <array>
#include <map>

#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "layers/loss_functions.h"

namespace strata {

namespace {
std::string who(const std::string& name) { return "loss '" + name + "'"; }

void check_reduction(const std::string& name, const std::string& reduction) {
  for (const char* known : {"sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight"})
    if (reduction == known) return;
  throw Error(who(name),
              "Invalid value for argument `reduction`. Expected one of \"sum_over_batch_size\", \"sum\", \"mean\", "
              "\"mean_with_sample_weight\", \"none\". Received: reduction=" + reduction);
}

/// Both masks as numbers of one type; empty if there is none.
Value joined_masks(const Value& a, const Value& b, DType dtype) {
  if (!a || !b) return a || b ? cast(a ? a : b, dtype) : Value();
  const auto [x, y] = losses::same_rank(cast(a, dtype), cast(b, dtype));
  return x * y;
}

/// The cross-entropy that the shapes call for ("crossentropy" and "ce").
losses::PerSample crossentropy_by_shape(const Value& y, const Value& p) {
  switch (losses::target_kind(y.shape(), p.shape())) {
    case losses::Target::binary: return {losses::BinaryCrossentropy().per_sample(y, p)};
    case losses::Target::sparse: return {losses::SparseCategoricalCrossentropy().per_sample(y, p)};
    case losses::Target::categorical: break;
  }
  return {losses::CategoricalCrossentropy().per_sample(y, p)};
}

using Make = Loss (*)();

const std::map<std::string, Make, std::less<>>& known_losses() {
  using namespace losses;
  static const std::map<std::string, Make, std::less<>> known{
      {"mean_squared_error", []() -> Loss { return MeanSquaredError(); }},
      {"mean_absolute_error", []() -> Loss { return MeanAbsoluteError(); }},
      {"mean_absolute_percentage_error", []() -> Loss { return MeanAbsolutePercentageError(); }},
      {"mean_squared_logarithmic_error", []() -> Loss { return MeanSquaredLogarithmicError(); }},
      {"log_cosh", []() -> Loss { return LogCosh(); }},
      {"hinge", []() -> Loss { return Hinge(); }},
      {"squared_hinge", []() -> Loss { return SquaredHinge(); }},
      {"categorical_hinge", []() -> Loss { return CategoricalHinge(); }},
      {"kl_divergence", []() -> Loss { return KLDivergence(); }},
      {"poisson", []() -> Loss { return Poisson(); }},
      {"huber", []() -> Loss { return Huber(); }},
      {"cosine_similarity", []() -> Loss { return CosineSimilarity(); }},
      {"binary_crossentropy", []() -> Loss { return BinaryCrossentropy(); }},
      {"categorical_crossentropy", []() -> Loss { return CategoricalCrossentropy(); }},
      {"sparse_categorical_crossentropy", []() -> Loss { return SparseCategoricalCrossentropy(); }},
      {"crossentropy", []() -> Loss { return Loss("<function>", "crossentropy", {}, crossentropy_by_shape); }},
  };
  return known;
}

/// Keras's short names, as they stand or in capitals.
std::string without_alias(const std::string& identifier) {
  static constexpr std::array<std::array<const char*, 3>, 7> aliases{{
      {"mse", "MSE", "mean_squared_error"},
      {"mae", "MAE", "mean_absolute_error"},
      {"mape", "MAPE", "mean_absolute_percentage_error"},
      {"msle", "MSLE", "mean_squared_logarithmic_error"},
      {"bce", "BCE", "binary_crossentropy"},
      {"kld", "KLD", "kl_divergence"},
      {"ce", "CE", "crossentropy"},
  }};
  for (const auto& [lower, upper, full] : aliases)
    if (identifier == lower || identifier == upper) return full;
  return snake_case(identifier);
}

Loss from_identifier(const std::string& identifier) {
  const auto found = known_losses().find(without_alias(identifier));
  if (found == known_losses().end()) throw Error("loss", "Could not interpret loss identifier: " + identifier);
  return found->second();
}
}  // namespace

Loss::Loss(const char* identifier) : Loss(std::string(identifier)) {}
Loss::Loss(const std::string& identifier) : Loss(from_identifier(identifier)) {}

Loss::Loss(std::string class_name, std::string name, Config config, losses::Function function, const std::string& reduction)
    : class_name_(std::move(class_name)),
      name_(std::move(name)),
      reduction_(reduction),
      config_(std::move(config)),
      function_(std::move(function)) {
  check_reduction(name_, reduction_);
}

losses::PerSample Loss::evaluate(const Value& y_true, const Value& prediction) const {
  // 16 bits are too few for a sum over a batch.
  const bool narrow = prediction && (prediction.dtype() == DType::f16 || prediction.dtype() == DType::bf16);
  const Value y_pred = narrow ? cast(prediction, DType::f32) : prediction ? without_mask(prediction) : prediction;
  if (!y_true || !y_pred) throw Error(who(name_), "expected values for y_true and y_pred; received an empty one");
  if (!is_floating(y_pred.dtype())) fail_expected(who(name_), "y_pred of a floating type", to_string(y_pred.type()));
  const auto [y, p] = losses::same_rank(y_true, y_pred);
  return function_(y, p);
}

Value Loss::operator()(const Value& y_true, const Value& y_pred, const Value& sample_weight) const {
  const losses::PerSample each = evaluate(y_true, y_pred);
  Value values = each.values, weights = sample_weight ? cast(sample_weight, values.dtype()) : Value();
  if (Value mask = joined_masks(mask_of(y_pred), each.mask, values.dtype())) {  // what does not count makes the rest count for more
    if (reduction_ == "sum_over_batch_size" || reduction_ == "mean")
      mask = mask * losses::divide_no_nan(constant(static_cast<double>(mask.shape().elements()), mask.dtype()), sum(mask));
    if (weights) std::tie(mask, weights) = losses::same_rank(mask, weights);
    weights = weights ? weights * mask : mask;
  }
  if (weights) {
    std::tie(values, weights) = losses::same_rank(values, weights);
    if (weights.shape().rank() > values.shape().rank() ||
        broadcast(values.shape(), weights.shape(), who(name_) + " sample_weight") != values.shape())
      fail_expected(who(name_), "sample_weight that broadcasts to the losses, " + to_keras_string(values.shape()),
                    to_keras_string(weights.shape()));
    values = values * weights;
  }
  if (reduction_ == "none" || values.shape().rank() == 0) return values;
  const Value total = sum(values);
  if (reduction_ == "sum") return total;
  if (reduction_ == "mean_with_sample_weight" && weights) return losses::divide_no_nan(total, sum(weights));
  return total / static_cast<double>(values.shape().elements());
}

Config Loss::config() const {
  Config c{{"name", name_}, {"reduction", reduction_}};
  for (const auto& [key, value] : config_.items()) c.set(key, value);
  return c;
}

namespace losses {
namespace {
std::string or_default(const std::string& name, const char* fallback) { return name.empty() ? fallback : name; }

/// A function of y and p of one shape; y is brought to p's element type.
template <class F>
Function elementwise(const std::string& name, F f) {
  return [name, f](const Value& y, const Value& p) {
    require_same_shape(who(name), y, p);
    return PerSample{f(cast(y, p.dtype()), p)};
  };
}

template <class F>
Loss simple(const char* class_name, const char* name, const ReductionOptions& o, F f) {
  const std::string chosen = or_default(o.name, name);
  return Loss(class_name, chosen, {}, elementwise(chosen, f), o.reduction);
}
}  // namespace

MeanSquaredError::MeanSquaredError(const ReductionOptions& o)
    : Loss(simple("MeanSquaredError", "mean_squared_error", o, mean_squared_error)) {}
MeanAbsoluteError::MeanAbsoluteError(const ReductionOptions& o)
    : Loss(simple("MeanAbsoluteError", "mean_absolute_error", o, mean_absolute_error)) {}
MeanAbsolutePercentageError::MeanAbsolutePercentageError(const ReductionOptions& o)
    : Loss(simple("MeanAbsolutePercentageError", "mean_absolute_percentage_error", o, mean_absolute_percentage_error)) {}
MeanSquaredLogarithmicError::MeanSquaredLogarithmicError(const ReductionOptions& o)
    : Loss(simple("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", o, mean_squared_logarithmic_error)) {}
LogCosh::LogCosh(const ReductionOptions& o) : Loss(simple("LogCosh", "log_cosh", o, log_cosh)) {}
Hinge::Hinge(const ReductionOptions& o) : Loss(simple("Hinge", "hinge", o, hinge)) {}
SquaredHinge::SquaredHinge(const ReductionOptions& o) : Loss(simple("SquaredHinge", "squared_hinge", o, squared_hinge)) {}
CategoricalHinge::CategoricalHinge(const ReductionOptions& o)
    : Loss(simple("CategoricalHinge", "categorical_hinge", o, categorical_hinge)) {}
KLDivergence::KLDivergence(const ReductionOptions& o) : Loss(simple("KLDivergence", "kl_divergence", o, kl_divergence)) {}
Poisson::Poisson(const ReductionOptions& o) : Loss(simple("Poisson", "poisson", o, poisson)) {}

Huber::Huber(const HuberOptions& o)
    : Loss("Huber", or_default(o.name, "huber_loss"), {{"delta", o.delta}},
           elementwise(or_default(o.name, "huber_loss"),
                       [d = o.delta](const Value& y, const Value& p) { return huber(y, p, d); }),
           o.reduction) {}

CosineSimilarity::CosineSimilarity(const CosineSimilarityOptions& o)
    : Loss("CosineSimilarity", or_default(o.name, "cosine_similarity"), {{"axis", o.axis}},
           elementwise(or_default(o.name, "cosine_similarity"),
                       [a = o.axis](const Value& y, const Value& p) { return -cosine_similarity(y, p, a); }),
           o.reduction) {}

BinaryCrossentropy::BinaryCrossentropy(const BinaryCrossentropyOptions& o)
    : Loss("BinaryCrossentropy", or_default(o.name, "binary_crossentropy"),
           {{"from_logits", o.from_logits}, {"label_smoothing", o.label_smoothing}, {"axis", o.axis}},
           elementwise(or_default(o.name, "binary_crossentropy"),
                       [o](const Value& y, const Value& p) { return binary_crossentropy(y, p, o); }),
           o.reduction) {}

CategoricalCrossentropy::CategoricalCrossentropy(const CategoricalCrossentropyOptions& o)
    : Loss("CategoricalCrossentropy", or_default(o.name, "categorical_crossentropy"),
           {{"from_logits", o.from_logits}, {"label_smoothing", o.label_smoothing}, {"axis", o.axis}},
           elementwise(or_default(o.name, "categorical_crossentropy"),
                       [o](const Value& y, const Value& p) { return categorical_crossentropy(y, p, o); }),
           o.reduction) {}

SparseCategoricalCrossentropy::SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& o)
    : Loss("SparseCategoricalCrossentropy", or_default(o.name, "sparse_categorical_crossentropy"),
           {{"from_logits", o.from_logits},
            {"ignore_class", o.ignore_class ? ConfigValue(*o.ignore_class) : ConfigValue(nullptr)},
            {"axis", o.axis}},
           [o, name = who(or_default(o.name, "sparse_categorical_crossentropy"))](const Value& y, const Value& p) {
             return sparse_categorical_crossentropy(name, y, p, o);
           },
           o.reduction) {}

}  // namespace losses
}  // namespace strata
