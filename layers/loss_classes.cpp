#include "core/ops/ops.h"
#include "layers/loss_functions.h"
#include "layers/loss_registration.h"

namespace strata::losses {

namespace {
constexpr auto huber_arguments = [](auto& field, auto& o) { field_unless(1.0, field, "delta", o.delta); };
constexpr auto cosine_arguments = [](auto& field, auto& o) { field_unless(-1, field, "axis", o.axis); };
constexpr auto crossentropy_arguments = [](auto& field, auto& o) {
  field("from_logits", o.from_logits);
  field("label_smoothing", o.label_smoothing);
  field("axis", o.axis);
};
constexpr auto sparse_arguments = [](auto& field, auto& o) {
  field("from_logits", o.from_logits);
  field("ignore_class", o.ignore_class);
  field_unless(-1, field, "axis", o.axis);
};
constexpr auto binary_focal_arguments = [](auto& field, auto& o) {
  crossentropy_arguments(field, o);
  field("apply_class_balancing", o.apply_class_balancing);
  field("alpha", o.alpha);
  field("gamma", o.gamma);
};
constexpr auto categorical_focal_arguments = [](auto& field, auto& o) {
  crossentropy_arguments(field, o);
  field("alpha", o.alpha);
  field("gamma", o.gamma);
};
constexpr auto generalized_arguments = [](auto& field, auto& o) { field("q", o.q); };
constexpr auto dice_arguments = [](auto& field, auto& o) { field("axis", o.axis); };
constexpr auto tversky_arguments = [](auto& field, auto& o) {
  field("alpha", o.alpha);
  field("beta", o.beta);
  field("axis", o.axis);
};
constexpr auto circle_arguments = [](auto& field, auto& o) {
  field("gamma", o.gamma);
  field("margin", o.margin);
  field("remove_diagonal", o.remove_diagonal);
};

std::string who(const std::string& name) { return "loss '" + name + "'"; }
std::string or_default(const std::string& name, const char* fallback) { return name.empty() ? fallback : name; }

/// A function of y and p of one shape; y is brought to p's element type.
template <class F>
Function elementwise(const std::string& name, F f) {
  return [name, f](const Value& y, const Value& p) {
    require_same_shape(who(name), y, p);
    return PerSample{f(cast(y, p.dtype()), p)};
  };
}

/// A loss whose values `f` computes from y and p of one shape and type.
template <class Statement, class Options, class F>
Loss of_elements(const char* class_name, const char* name, Statement arguments, const Options& o, F f) {
  const std::string chosen = or_default(o.name, name);
  return Loss(class_name, chosen, write_arguments(arguments, o), elementwise(chosen, f), o.reduction);
}

template <class F>
Loss simple(const char* class_name, const char* name, const ReductionOptions& o, F f) {
  return of_elements(class_name, name, no_arguments, o, f);
}

/// A loss whose labels have another shape than its predictions; `f` gets its name for errors, too.
template <class Statement, class Options, class F>
Loss of_labels(const char* class_name, const char* name, Statement arguments, const Options& o, F f) {
  const std::string chosen = or_default(o.name, name);
  return Loss(
      class_name, chosen, write_arguments(arguments, o),
      [f, where = who(chosen)](const Value& y, const Value& p) { return f(where, y, p); }, o.reduction);
}

Axes axes_of(const std::optional<AxisArgument>& axis) { return axis ? Axes(axis->axes) : Axes{}; }
}  // namespace

MeanSquaredError::MeanSquaredError(const ReductionOptions& o)
    : Loss(simple("MeanSquaredError", "mean_squared_error", o, mean_squared_error)) {}
MeanAbsoluteError::MeanAbsoluteError(const ReductionOptions& o)
    : Loss(simple("MeanAbsoluteError", "mean_absolute_error", o, mean_absolute_error)) {}
MeanAbsolutePercentageError::MeanAbsolutePercentageError(const ReductionOptions& o)
    : Loss(simple("MeanAbsolutePercentageError", "mean_absolute_percentage_error", o, mean_absolute_percentage_error)) {
}
MeanSquaredLogarithmicError::MeanSquaredLogarithmicError(const ReductionOptions& o)
    : Loss(simple("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", o, mean_squared_logarithmic_error)) {
}
LogCosh::LogCosh(const ReductionOptions& o) : Loss(simple("LogCosh", "log_cosh", o, log_cosh)) {}
Hinge::Hinge(const ReductionOptions& o) : Loss(simple("Hinge", "hinge", o, hinge)) {}
SquaredHinge::SquaredHinge(const ReductionOptions& o)
    : Loss(simple("SquaredHinge", "squared_hinge", o, squared_hinge)) {}
CategoricalHinge::CategoricalHinge(const ReductionOptions& o)
    : Loss(simple("CategoricalHinge", "categorical_hinge", o, categorical_hinge)) {}
KLDivergence::KLDivergence(const ReductionOptions& o)
    : Loss(simple("KLDivergence", "kl_divergence", o, kl_divergence)) {}
Poisson::Poisson(const ReductionOptions& o) : Loss(simple("Poisson", "poisson", o, poisson)) {}

Huber::Huber(const HuberOptions& o)
    : Loss(of_elements("Huber", "huber_loss", huber_arguments, o,
                       [d = o.delta](const Value& y, const Value& p) { return huber(y, p, d); })) {}
CosineSimilarity::CosineSimilarity(const CosineSimilarityOptions& o)
    : Loss(of_elements("CosineSimilarity", "cosine_similarity", cosine_arguments, o,
                       [a = o.axis](const Value& y, const Value& p) { return -cosine_similarity(y, p, a); })) {}
BinaryCrossentropy::BinaryCrossentropy(const BinaryCrossentropyOptions& o)
    : Loss(of_elements("BinaryCrossentropy", "binary_crossentropy", crossentropy_arguments, o,
                       [o](const Value& y, const Value& p) { return binary_crossentropy(y, p, o); })) {}
CategoricalCrossentropy::CategoricalCrossentropy(const CategoricalCrossentropyOptions& o)
    : Loss(of_elements("CategoricalCrossentropy", "categorical_crossentropy", crossentropy_arguments, o,
                       [o](const Value& y, const Value& p) { return categorical_crossentropy(y, p, o); })) {}
SparseCategoricalCrossentropy::SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& o)
    : Loss(of_labels("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy", sparse_arguments, o,
                     [o](const std::string& where, const Value& y, const Value& p) {
                       return sparse_categorical_crossentropy(where, y, p, o);
                     })) {}
BinaryFocalCrossentropy::BinaryFocalCrossentropy(const BinaryFocalCrossentropyOptions& o)
    : Loss(of_elements("BinaryFocalCrossentropy", "binary_focal_crossentropy", binary_focal_arguments, o,
                       [o](const Value& y, const Value& p) { return binary_focal_crossentropy(y, p, o); })) {}
CategoricalFocalCrossentropy::CategoricalFocalCrossentropy(const CategoricalFocalCrossentropyOptions& o)
    : Loss(of_elements("CategoricalFocalCrossentropy", "categorical_focal_crossentropy", categorical_focal_arguments, o,
                       [o](const Value& y, const Value& p) { return categorical_focal_crossentropy(y, p, o); })) {}
CategoricalGeneralizedCrossEntropy::CategoricalGeneralizedCrossEntropy(
    const CategoricalGeneralizedCrossEntropyOptions& o)
    : Loss(of_labels("CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy",
                     generalized_arguments, o, [q = o.q](const std::string& where, const Value& y, const Value& p) {
                       return PerSample{categorical_generalized_cross_entropy(where, y, p, q)};
                     })) {
  if (!(o.q > 0 && o.q < 1)) fail_expected(who(name()), "q in the interval (0, 1)", std::to_string(o.q));
}
Dice::Dice(const DiceOptions& o)
    : Loss(of_elements("Dice", "dice", dice_arguments, o,
                       [axes = axes_of(o.axis)](const Value& y, const Value& p) { return dice(y, p, axes); })) {}
Tversky::Tversky(const TverskyOptions& o)
    : Loss(of_elements("Tversky", "tversky", tversky_arguments, o,
                       [a = o.alpha, b = o.beta, axes = axes_of(o.axis)](const Value& y, const Value& p) {
                         return tversky(y, p, a, b, axes);
                       })) {}
Circle::Circle(const CircleOptions& o)
    : Loss(of_labels(
          "Circle", "circle", circle_arguments, o,
          [o](const std::string& where, const Value& y, const Value& p) { return circle(where, y, p, o); })) {}
CTC::CTC(const ReductionOptions& o)
    : Loss(of_labels("CTC", "ctc", no_arguments, o, [](const std::string& where, const Value& y, const Value& p) {
        return PerSample{ctc(where, y, p)};
      })) {}

namespace {
template <class Made>
bool add_simple(const char* class_name, std::vector<std::string> aliases = {}) {
  return register_built_in<Made, ReductionOptions>(class_name, no_arguments, std::move(aliases));
}

// "logcosh" and "kullback_leibler_divergence" are names of Keras 2.x.
[[maybe_unused]] const bool registered =
    add_simple<MeanSquaredError>("MeanSquaredError", {"mse", "MSE"}) &&
    add_simple<MeanAbsoluteError>("MeanAbsoluteError", {"mae", "MAE"}) &&
    add_simple<MeanAbsolutePercentageError>("MeanAbsolutePercentageError", {"mape", "MAPE"}) &&
    add_simple<MeanSquaredLogarithmicError>("MeanSquaredLogarithmicError", {"msle", "MSLE"}) &&
    add_simple<LogCosh>("LogCosh", {"logcosh"}) && add_simple<Hinge>("Hinge") &&
    add_simple<SquaredHinge>("SquaredHinge") && add_simple<CategoricalHinge>("CategoricalHinge") &&
    add_simple<KLDivergence>("KLDivergence", {"kld", "KLD", "kullback_leibler_divergence"}) &&
    add_simple<Poisson>("Poisson") && add_simple<CTC>("CTC") &&
    register_built_in<Huber, HuberOptions>("Huber", huber_arguments) &&
    register_built_in<CosineSimilarity, CosineSimilarityOptions>("CosineSimilarity", cosine_arguments) &&
    register_built_in<BinaryCrossentropy, BinaryCrossentropyOptions>("BinaryCrossentropy", crossentropy_arguments,
                                                                     {"bce", "BCE"}) &&
    register_built_in<CategoricalCrossentropy, CategoricalCrossentropyOptions>("CategoricalCrossentropy",
                                                                               crossentropy_arguments) &&
    register_built_in<SparseCategoricalCrossentropy, SparseCategoricalCrossentropyOptions>(
        "SparseCategoricalCrossentropy", sparse_arguments) &&
    register_built_in<BinaryFocalCrossentropy, BinaryFocalCrossentropyOptions>("BinaryFocalCrossentropy",
                                                                               binary_focal_arguments) &&
    register_built_in<CategoricalFocalCrossentropy, CategoricalFocalCrossentropyOptions>("CategoricalFocalCrossentropy",
                                                                                         categorical_focal_arguments) &&
    register_built_in<CategoricalGeneralizedCrossEntropy, CategoricalGeneralizedCrossEntropyOptions>(
        "CategoricalGeneralizedCrossEntropy", generalized_arguments) &&
    register_built_in<Dice, DiceOptions>("Dice", dice_arguments) &&
    register_built_in<Tversky, TverskyOptions>("Tversky", tversky_arguments) &&
    register_built_in<Circle, CircleOptions>("Circle", circle_arguments);
}  // namespace

}  // namespace strata::losses
