#include "core/ops/ops.h"
#include "layers/mean_metric.h"
#include "layers/metric_registration.h"

namespace strata::metrics {

namespace {
constexpr auto threshold_argument = [](auto& field, auto& o) { field("threshold", o.threshold); };
constexpr auto k_argument = [](auto& field, auto& o) { field("k", o.k); };
constexpr auto axis_if_unusual = [](auto& field, auto& o) { field_unless(-1, field, "axis", o.axis); };
constexpr auto binary_arguments = [](auto& field, auto& o) {
  field("from_logits", o.from_logits);
  field("label_smoothing", o.label_smoothing);
};
constexpr auto categorical_arguments = [](auto& field, auto& o) {
  binary_arguments(field, o);
  field("axis", o.axis);
};
constexpr auto sparse_arguments = [](auto& field, auto& o) {
  field("from_logits", o.from_logits);
  field_if_set(field, "ignore_class", o.ignore_class);
  field("axis", o.axis);
};

Metric loss_mean(const char* class_name, const char* name, const NameOptions& o, PerSampleFunction f) {
  const std::string chosen = or_default(o.name, name);
  return mean_metric(class_name, chosen, Direction::min, aligned(chosen, std::move(f)));
}

/// The mean of a measure that is made for the metric's name.
template <class Options, class Statement, class F>
Metric named_mean(const char* class_name, const char* name, Direction direction, const Options& o, Statement arguments,
                  F f) {
  const std::string chosen = or_default(o.name, name);
  return mean_metric(class_name, chosen, direction, f(chosen), write_arguments(arguments, o));
}

Value as_numbers(const Value& truth) { return cast(truth, DType::f32); }

Measure binary_accuracy(const std::string& name, double threshold) {
  return aligned(name, [threshold](const Value& y, const Value& p) {
    return mean(as_numbers(equal(y, cast(p > threshold, y.dtype()))), {-1});
  });
}

Measure categorical_accuracy(const std::string& name) {
  return aligned(name, [](const Value& y, const Value& p) { return as_numbers(equal(argmax(y), argmax(p))); });
}

/// Labels without a last axis of size 1, as i64. Error unless they have the shape of p without its last axis.
Value class_labels(const std::string& name, Value y, const Value& p) {
  if (y.shape().rank() == p.shape().rank() && y.shape().rank() > 0 && y.shape().back() == 1) y = squeeze(y, {-1});
  const Shape expected = p.shape().slice(0, p.shape().rank() - 1);
  if (y.shape() != expected)
    fail_expected(who(name), "labels of shape " + to_keras_string(expected), to_keras_string(y.shape()));
  return cast(y, DType::i64);
}

Measure sparse_categorical_accuracy(const std::string& name) {
  return [name](const Value& y, const Value& p) {
    return losses::PerSample{as_numbers(equal(class_labels(name, y, p), argmax(p)))};
  };
}

std::int64_t checked_k(const char* class_name, std::int64_t k) {
  if (k < 1) fail_expected(class_name, "k of at least 1", std::to_string(k));
  return k;
}

Value squared_errors(const Value& y, const Value& p) { return square(y - p); }
}  // namespace

Measure accuracy_by_shape(const std::string& name) {
  return [name](const Value& y, const Value& p) {
    switch (losses::target_kind(y.shape(), p.shape())) {
      case losses::Target::binary:
        return binary_accuracy(name, 0.5)(y, p);
      case losses::Target::sparse:
        return sparse_categorical_accuracy(name)(y, p);
      case losses::Target::categorical:
        break;
    }
    return categorical_accuracy(name)(y, p);
  };
}

Accuracy::Accuracy(const NameOptions& o)
    : Metric(named_mean("Accuracy", "accuracy", Direction::max, o, no_arguments, [](const std::string& name) {
        return aligned(name, [](const Value& y, const Value& p) { return mean(as_numbers(equal(y, p)), {-1}); });
      })) {}
BinaryAccuracy::BinaryAccuracy(const BinaryAccuracyOptions& o)
    : Metric(named_mean("BinaryAccuracy", "binary_accuracy", Direction::max, o, threshold_argument,
                        [&](const std::string& name) { return binary_accuracy(name, o.threshold); })) {
  if (!(o.threshold > 0 && o.threshold < 1))
    throw Error("BinaryAccuracy",
                "Invalid value for argument `threshold`. Expected a value in interval (0, 1). Received: "
                "threshold=" +
                    std::to_string(o.threshold));
}
CategoricalAccuracy::CategoricalAccuracy(const NameOptions& o)
    : Metric(named_mean("CategoricalAccuracy", "categorical_accuracy", Direction::max, o, no_arguments,
                        categorical_accuracy)) {}
SparseCategoricalAccuracy::SparseCategoricalAccuracy(const NameOptions& o)
    : Metric(named_mean("SparseCategoricalAccuracy", "sparse_categorical_accuracy", Direction::max, o, no_arguments,
                        sparse_categorical_accuracy)) {}
TopKCategoricalAccuracy::TopKCategoricalAccuracy(const TopKOptions& o)
    : Metric(named_mean("TopKCategoricalAccuracy", "top_k_categorical_accuracy", Direction::max, o, k_argument,
                        [k = checked_k("TopKCategoricalAccuracy", o.k)](const std::string& name) {
                          return aligned(name, [k](const Value& y, const Value& p) {
                            return as_numbers(in_top_k(argmax(y), p, k));
                          });
                        })) {}
SparseTopKCategoricalAccuracy::SparseTopKCategoricalAccuracy(const TopKOptions& o)
    : Metric(named_mean("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy", Direction::max, o,
                        k_argument,
                        [k = checked_k("SparseTopKCategoricalAccuracy", o.k)](const std::string& name) -> Measure {
                          return [k, name](const Value& y, const Value& p) {
                            return losses::PerSample{as_numbers(in_top_k(class_labels(name, y, p), p, k))};
                          };
                        })) {}

MeanSquaredError::MeanSquaredError(const NameOptions& o)
    : Metric(loss_mean("MeanSquaredError", "mean_squared_error", o, losses::mean_squared_error)) {}
MeanAbsoluteError::MeanAbsoluteError(const NameOptions& o)
    : Metric(loss_mean("MeanAbsoluteError", "mean_absolute_error", o, losses::mean_absolute_error)) {}
MeanAbsolutePercentageError::MeanAbsolutePercentageError(const NameOptions& o)
    : Metric(loss_mean("MeanAbsolutePercentageError", "mean_absolute_percentage_error", o,
                       losses::mean_absolute_percentage_error)) {}
MeanSquaredLogarithmicError::MeanSquaredLogarithmicError(const NameOptions& o)
    : Metric(loss_mean("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", o,
                       losses::mean_squared_logarithmic_error)) {}
LogCoshError::LogCoshError(const NameOptions& o) : Metric(loss_mean("LogCoshError", "logcosh", o, losses::log_cosh)) {}
Hinge::Hinge(const NameOptions& o) : Metric(loss_mean("Hinge", "hinge", o, losses::hinge)) {}
SquaredHinge::SquaredHinge(const NameOptions& o)
    : Metric(loss_mean("SquaredHinge", "squared_hinge", o, losses::squared_hinge)) {}
CategoricalHinge::CategoricalHinge(const NameOptions& o)
    : Metric(loss_mean("CategoricalHinge", "categorical_hinge", o, losses::categorical_hinge)) {}
KLDivergence::KLDivergence(const NameOptions& o)
    : Metric(loss_mean("KLDivergence", "kl_divergence", o, losses::kl_divergence)) {}
Poisson::Poisson(const NameOptions& o) : Metric(loss_mean("Poisson", "poisson", o, losses::poisson)) {}
RootMeanSquaredError::RootMeanSquaredError(const NameOptions& o)
    : Metric(root_mean_metric("RootMeanSquaredError", or_default(o.name, "root_mean_squared_error"), Direction::min,
                              aligned(or_default(o.name, "root_mean_squared_error"), squared_errors))) {}
CosineSimilarity::CosineSimilarity(const CosineSimilarityOptions& o)
    : Metric(named_mean("CosineSimilarity", "cosine_similarity", Direction::max, o, axis_if_unusual,
                        [a = o.axis](const std::string& name) {
                          return aligned(
                              name, [a](const Value& y, const Value& p) { return losses::cosine_similarity(y, p, a); });
                        })) {}
BinaryCrossentropy::BinaryCrossentropy(const SmoothedCrossentropyOptions& o)
    : Metric(named_mean("BinaryCrossentropy", "binary_crossentropy", Direction::min, o, binary_arguments,
                        [o](const std::string& name) {
                          return aligned(name, [o](const Value& y, const Value& p) {
                            return losses::binary_crossentropy(
                                y, p, {.from_logits = o.from_logits, .label_smoothing = o.label_smoothing});
                          });
                        })) {}
CategoricalCrossentropy::CategoricalCrossentropy(const CategoricalCrossentropyOptions& o)
    : Metric(named_mean("CategoricalCrossentropy", "categorical_crossentropy", Direction::min, o, categorical_arguments,
                        [o](const std::string& name) {
                          return aligned(name, [o](const Value& y, const Value& p) {
                            return losses::categorical_crossentropy(
                                y, p,
                                {.from_logits = o.from_logits, .label_smoothing = o.label_smoothing, .axis = o.axis});
                          });
                        })) {}
SparseCategoricalCrossentropy::SparseCategoricalCrossentropy(const SparseCrossentropyOptions& o)
    : Metric(named_mean("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy", Direction::min, o,
                        sparse_arguments, [o](const std::string& name) -> Measure {
                          return [o, where = who(name)](const Value& y, const Value& p) {
                            return losses::sparse_categorical_crossentropy(
                                where, y, p,
                                {.from_logits = o.from_logits, .ignore_class = o.ignore_class, .axis = o.axis});
                          };
                        })) {}

namespace {
template <class Made>
bool add_simple(const char* class_name, std::vector<std::string> aliases = {}) {
  return register_built_in<Made, NameOptions>(class_name, no_arguments, std::move(aliases));
}

// Keras 2.x also knows LogCoshError as "logcosh".
[[maybe_unused]] const bool registered =
    add_simple<Accuracy>("Accuracy") &&
    register_built_in<BinaryAccuracy, BinaryAccuracyOptions>("BinaryAccuracy", threshold_argument) &&
    add_simple<CategoricalAccuracy>("CategoricalAccuracy") &&
    add_simple<SparseCategoricalAccuracy>("SparseCategoricalAccuracy") &&
    register_built_in<TopKCategoricalAccuracy, TopKOptions>("TopKCategoricalAccuracy", k_argument) &&
    register_built_in<SparseTopKCategoricalAccuracy, TopKOptions>("SparseTopKCategoricalAccuracy", k_argument) &&
    add_simple<MeanSquaredError>("MeanSquaredError", {"mse", "MSE"}) &&
    add_simple<RootMeanSquaredError>("RootMeanSquaredError") &&
    add_simple<MeanAbsoluteError>("MeanAbsoluteError", {"mae", "MAE"}) &&
    add_simple<MeanAbsolutePercentageError>("MeanAbsolutePercentageError", {"mape", "MAPE"}) &&
    add_simple<MeanSquaredLogarithmicError>("MeanSquaredLogarithmicError", {"msle", "MSLE"}) &&
    add_simple<LogCoshError>("LogCoshError", {"log_cosh", "logcosh"}) && add_simple<Hinge>("Hinge") &&
    add_simple<SquaredHinge>("SquaredHinge") && add_simple<CategoricalHinge>("CategoricalHinge") &&
    add_simple<KLDivergence>("KLDivergence") && add_simple<Poisson>("Poisson") &&
    register_built_in<CosineSimilarity, CosineSimilarityOptions>("CosineSimilarity", axis_if_unusual) &&
    register_built_in<BinaryCrossentropy, SmoothedCrossentropyOptions>("BinaryCrossentropy", binary_arguments,
                                                                       {"bce", "BCE"}) &&
    register_built_in<CategoricalCrossentropy, CategoricalCrossentropyOptions>("CategoricalCrossentropy",
                                                                               categorical_arguments) &&
    register_built_in<SparseCategoricalCrossentropy, SparseCrossentropyOptions>("SparseCategoricalCrossentropy",
                                                                                sparse_arguments);
}  // namespace

}  // namespace strata::metrics
