#include "layers/metrics.h"

#include <algorithm>
#include <map>

#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "layers/loss_functions.h"

namespace strata {

namespace metrics {
Definition::~Definition() = default;

Variable Definition::add_state(const std::string& name, const Shape& shape) {
  variables_.emplace_back(name, zeros(shape), false);
  return variables_.back();
}

namespace {
std::string who(const std::string& name) { return "metric '" + name + "'"; }

std::string or_default(const std::string& name, const std::string& fallback) { return name.empty() ? fallback : name; }

Axes axes_between(int first, int last) {
  Axes axes;
  for (int a = first; a < last; ++a) axes.push_back(a);
  return axes;
}

/// One value for each example, and its weight if there are weights: Keras's reduce_to_samplewise_values.
std::pair<Value, Value> by_sample(Value values, Value weights) {
  values = cast(values, DType::f32);
  if (weights) {
    std::tie(values, weights) = losses::same_rank(values, cast(weights, DType::f32));
    const int value_rank = values.shape().rank(), weight_rank = weights.shape().rank();
    if (value_rank > weight_rank) values = mean(values, axes_between(weight_rank, value_rank));
    values = values * weights;
    if (weight_rank > 1) weights = mean(weights, axes_between(1, weight_rank));
  }
  if (values.shape().rank() > 1) values = mean(values, axes_between(1, values.shape().rank()));
  return {values, weights};
}

/// total / count of values that `function` computes; without a function, of y_true itself.
class MeanDefinition : public Definition {
 public:
  MeanDefinition(std::string name, PerSampleFunction function) : name_(std::move(name)), function_(std::move(function)) {}

  Updates update(const Value& y_true, const Value& y_pred, const Value& sample_weight) override {
    if (function_ == nullptr && y_pred) throw Error(who(name_), "expected values alone; received y_true and y_pred");
    const auto [values, weights] = by_sample(function_ ? function_(y_true, y_pred) : y_true, sample_weight);
    const Shape& shape = values.shape();
    const Value samples = weights ? sum(weights) : constant(shape.rank() == 0 ? 1.0 : static_cast<double>(shape[0]));
    return {{total_, pending(total_) + sum(values)}, {count_, pending(count_) + samples}};
  }
  Value result() const override { return losses::divide_no_nan(total_, count_); }

 private:
  std::string name_;
  PerSampleFunction function_;
  Variable total_ = add_state("total"), count_ = add_state("count");
};

class RootMeanDefinition : public MeanDefinition {
 public:
  using MeanDefinition::MeanDefinition;
  Value result() const override { return sqrt(MeanDefinition::result()); }
};

/// y_true and y_pred of one rank, shape and element type.
PerSampleFunction aligned(const std::string& name, PerSampleFunction f) {
  return [name, f = std::move(f)](const Value& y_true, const Value& y_pred) {
    const auto [y, p] = losses::same_rank(y_true, y_pred);
    losses::require_same_shape(who(name), y, p);
    return f(cast(y, p.dtype()), p);
  };
}

template <class D = MeanDefinition>
Metric mean_of(const char* class_name, const std::string& name, Direction direction, const PerSampleFunction& f,
               Config config = {}) {
  return Metric(class_name, name, std::move(config), direction, [name, f] { return std::make_shared<D>(name, f); });
}

Metric loss_mean(const char* class_name, const char* name, const NameOptions& o, PerSampleFunction f) {
  const std::string chosen = or_default(o.name, name);
  return mean_of(class_name, chosen, Direction::min, aligned(chosen, std::move(f)));
}

Value as_numbers(const Value& truth) { return cast(truth, DType::f32); }

PerSampleFunction binary_accuracy(const std::string& name, double threshold) {
  return aligned(name, [threshold](const Value& y, const Value& p) {
    return mean(as_numbers(equal(y, cast(p > threshold, y.dtype()))), {-1});
  });
}

PerSampleFunction categorical_accuracy(const std::string& name) {
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

PerSampleFunction sparse_categorical_accuracy(const std::string& name) {
  return [name](const Value& y, const Value& p) { return as_numbers(equal(class_labels(name, y, p), argmax(p))); };
}

PerSampleFunction accuracy_by_shape(const std::string& name) {
  return [name](const Value& y, const Value& p) {
    switch (losses::target_kind(y.shape(), p.shape())) {
      case losses::Target::binary: return binary_accuracy(name, 0.5)(y, p);
      case losses::Target::sparse: return sparse_categorical_accuracy(name)(y, p);
      case losses::Target::categorical: break;
    }
    return categorical_accuracy(name)(y, p);
  };
}

std::int64_t checked_k(const char* class_name, std::int64_t k) {
  if (k < 1) fail_expected(class_name, "k of at least 1", std::to_string(k));
  return k;
}

Value squared_errors(const Value& y, const Value& p) { return square(y - p); }
}  // namespace

Metric make_mean(const std::string& name, PerSampleFunction per_sample, Direction direction) {
  return mean_of("<function>", name, direction, [f = std::move(per_sample)](const Value& y_true, const Value& y_pred) {
    const auto [y, p] = losses::same_rank(y_true, y_pred);
    return f(cast(y, p.dtype()), p);
  });
}

Mean::Mean(const NameOptions& o) : Metric(mean_of("Mean", or_default(o.name, "mean"), Direction::unknown, nullptr)) {}

Accuracy::Accuracy(const NameOptions& o)
    : Metric(mean_of("Accuracy", or_default(o.name, "accuracy"), Direction::max,
                     aligned(or_default(o.name, "accuracy"), [](const Value& y, const Value& p) {
                       return mean(as_numbers(equal(y, p)), {-1});
                     }))) {}
BinaryAccuracy::BinaryAccuracy(const BinaryAccuracyOptions& o)
    : Metric(mean_of("BinaryAccuracy", or_default(o.name, "binary_accuracy"), Direction::max,
                     binary_accuracy(or_default(o.name, "binary_accuracy"), o.threshold), {{"threshold", o.threshold}})) {
  if (!(o.threshold > 0 && o.threshold < 1))
    throw Error("BinaryAccuracy", "Invalid value for argument `threshold`. Expected a value in interval (0, 1). Received: "
                                  "threshold=" + std::to_string(o.threshold));
}
CategoricalAccuracy::CategoricalAccuracy(const NameOptions& o)
    : Metric(mean_of("CategoricalAccuracy", or_default(o.name, "categorical_accuracy"), Direction::max,
                     categorical_accuracy(or_default(o.name, "categorical_accuracy")))) {}
SparseCategoricalAccuracy::SparseCategoricalAccuracy(const NameOptions& o)
    : Metric(mean_of("SparseCategoricalAccuracy", or_default(o.name, "sparse_categorical_accuracy"), Direction::max,
                     sparse_categorical_accuracy(or_default(o.name, "sparse_categorical_accuracy")))) {}
TopKCategoricalAccuracy::TopKCategoricalAccuracy(const TopKOptions& o)
    : Metric(mean_of("TopKCategoricalAccuracy", or_default(o.name, "top_k_categorical_accuracy"), Direction::max,
                     aligned(or_default(o.name, "top_k_categorical_accuracy"),
                             [k = checked_k("TopKCategoricalAccuracy", o.k)](const Value& y, const Value& p) {
                               return as_numbers(in_top_k(argmax(y), p, k));
                             }),
                     {{"k", o.k}})) {}
SparseTopKCategoricalAccuracy::SparseTopKCategoricalAccuracy(const TopKOptions& o)
    : Metric(mean_of("SparseTopKCategoricalAccuracy", or_default(o.name, "sparse_top_k_categorical_accuracy"),
                     Direction::max,
                     [k = checked_k("SparseTopKCategoricalAccuracy", o.k),
                      name = or_default(o.name, "sparse_top_k_categorical_accuracy")](const Value& y, const Value& p) {
                       return as_numbers(in_top_k(class_labels(name, y, p), p, k));
                     },
                     {{"k", o.k}})) {}

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
    : Metric(mean_of<RootMeanDefinition>("RootMeanSquaredError", or_default(o.name, "root_mean_squared_error"),
                                         Direction::min,
                                         aligned(or_default(o.name, "root_mean_squared_error"), squared_errors))) {}
CosineSimilarity::CosineSimilarity(const CosineSimilarityOptions& o)
    : Metric(mean_of("CosineSimilarity", or_default(o.name, "cosine_similarity"), Direction::max,
                     aligned(or_default(o.name, "cosine_similarity"),
                             [a = o.axis](const Value& y, const Value& p) { return losses::cosine_similarity(y, p, a); }),
                     {{"axis", o.axis}})) {}
BinaryCrossentropy::BinaryCrossentropy(const SmoothedCrossentropyOptions& o)
    : Metric(mean_of("BinaryCrossentropy", or_default(o.name, "binary_crossentropy"), Direction::min,
                     aligned(or_default(o.name, "binary_crossentropy"),
                             [o](const Value& y, const Value& p) {
                               return losses::binary_crossentropy(
                                   y, p, {.from_logits = o.from_logits, .label_smoothing = o.label_smoothing});
                             }),
                     {{"from_logits", o.from_logits}, {"label_smoothing", o.label_smoothing}})) {}
CategoricalCrossentropy::CategoricalCrossentropy(const SmoothedCrossentropyOptions& o)
    : Metric(mean_of("CategoricalCrossentropy", or_default(o.name, "categorical_crossentropy"), Direction::min,
                     aligned(or_default(o.name, "categorical_crossentropy"),
                             [o](const Value& y, const Value& p) {
                               return losses::categorical_crossentropy(
                                   y, p, {.from_logits = o.from_logits, .label_smoothing = o.label_smoothing});
                             }),
                     {{"from_logits", o.from_logits}, {"label_smoothing", o.label_smoothing}})) {}
SparseCategoricalCrossentropy::SparseCategoricalCrossentropy(const SparseCrossentropyOptions& o)
    : Metric(mean_of("SparseCategoricalCrossentropy", or_default(o.name, "sparse_categorical_crossentropy"),
                     Direction::min,
                     [o, who_it_is = who(or_default(o.name, "sparse_categorical_crossentropy"))](const Value& y, const Value& p) {
                       return losses::sparse_categorical_crossentropy(who_it_is, y, p,
                                                                      {.from_logits = o.from_logits, .axis = o.axis})
                           .values;
                     },
                     {{"from_logits", o.from_logits}, {"axis", o.axis}})) {}

}  // namespace metrics

namespace {
using Make = Metric (*)();

template <class M>
Metric make_default() {
  return M();
}

const std::map<std::string, Make, std::less<>>& known_metrics() {
  using namespace metrics;
  static const std::map<std::string, Make, std::less<>> known{
      {"mean", make_default<metrics::Mean>},
      {"binary_accuracy", make_default<BinaryAccuracy>},
      {"categorical_accuracy", make_default<CategoricalAccuracy>},
      {"sparse_categorical_accuracy", make_default<SparseCategoricalAccuracy>},
      {"top_k_categorical_accuracy", make_default<TopKCategoricalAccuracy>},
      {"sparse_top_k_categorical_accuracy", make_default<SparseTopKCategoricalAccuracy>},
      {"mean_squared_error", make_default<MeanSquaredError>},
      {"mse", make_default<MeanSquaredError>},
      {"root_mean_squared_error", make_default<RootMeanSquaredError>},
      {"mean_absolute_error", make_default<MeanAbsoluteError>},
      {"mae", make_default<MeanAbsoluteError>},
      {"mean_absolute_percentage_error", make_default<MeanAbsolutePercentageError>},
      {"mape", make_default<MeanAbsolutePercentageError>},
      {"mean_squared_logarithmic_error", make_default<MeanSquaredLogarithmicError>},
      {"msle", make_default<MeanSquaredLogarithmicError>},
      {"cosine_similarity", make_default<CosineSimilarity>},
      {"log_cosh", make_default<LogCoshError>},
      {"log_cosh_error", make_default<LogCoshError>},
      {"hinge", make_default<Hinge>},
      {"squared_hinge", make_default<SquaredHinge>},
      {"categorical_hinge", make_default<CategoricalHinge>},
      {"kl_divergence", make_default<KLDivergence>},
      {"poisson", make_default<Poisson>},
      {"binary_crossentropy", make_default<BinaryCrossentropy>},
      {"bce", make_default<BinaryCrossentropy>},
      {"categorical_crossentropy", make_default<CategoricalCrossentropy>},
      {"sparse_categorical_crossentropy", make_default<SparseCategoricalCrossentropy>},
      {"true_positives", make_default<TruePositives>},
      {"false_positives", make_default<FalsePositives>},
      {"true_negatives", make_default<TrueNegatives>},
      {"false_negatives", make_default<FalseNegatives>},
      {"precision", make_default<Precision>},
      {"recall", make_default<Recall>},
      {"auc", make_default<AUC>},
      {"f1_score", make_default<F1Score>},
      {"f_beta_score", make_default<FBetaScore>},
  };
  return known;
}

Metric from_identifier(const std::string& identifier) {
  std::string lower = identifier;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (lower == "accuracy" || lower == "acc")
    return metrics::mean_of("Accuracy", identifier, metrics::Direction::max, metrics::accuracy_by_shape(identifier));
  const auto found = known_metrics().find(snake_case(identifier));
  if (found == known_metrics().end()) throw Error("metric", "Could not interpret metric identifier: " + identifier);
  return found->second().renamed(identifier);
}
}  // namespace

Metric::Metric(const char* identifier) : Metric(std::string(identifier)) {}
Metric::Metric(const std::string& identifier) : Metric(from_identifier(identifier)) {}

Metric::Metric(std::string class_name, std::string name, Config config, metrics::Direction direction, Factory factory)
    : class_name_(std::move(class_name)),
      name_(std::move(name)),
      config_(std::move(config)),
      direction_(direction),
      factory_(std::move(factory)),
      state_(factory_()) {}

Updates Metric::update(const Value& y_true, const Value& y_pred, const Value& sample_weight) const {
  // The mask that comes with the values (y_true where there is nothing else) weighs them.
  const Value& masked = y_pred ? y_pred : y_true;
  Value weight = sample_weight;
  if (Value mask = mask_of(masked)) {
    mask = cast(mask, DType::f32);
    if (weight) std::tie(mask, weight) = losses::same_rank(mask, cast(weight, DType::f32));
    weight = weight ? mask * weight : mask;
  }
  return state_->update(without_mask(y_true), y_pred ? without_mask(y_pred) : y_pred, weight);
}

void Metric::reset() const {
  for (const Variable& v : variables()) v.storage().copy_from(zeros(v.shape(), v.dtype()));
}

Metric Metric::renamed(std::string name) const {
  Metric other = *this;
  other.name_ = std::move(name);
  return other;
}

Config Metric::config() const {
  Config c{{"name", name_}, {"dtype", "float32"}};
  for (const auto& [key, value] : config_.items()) c.set(key, value);
  return c;
}

}  // namespace strata
