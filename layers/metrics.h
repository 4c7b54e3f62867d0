#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/config.h"
#include "core/graph/apply.h"
#include "core/graph/variable.h"

namespace strata {

namespace metrics {

/// Whether a callback that watches the metric waits for it to fall or to rise.
enum class Direction { unknown, min, max };

/// What a metric is: state, how a batch changes it, and what it amounts to. Derive to write one of your own.
class STRATA_API Definition {
 public:
  virtual ~Definition();
  /// New values of the state. They start from pending(state), so that two updates in one step add up. `sample_weight`
  /// may be empty.
  virtual Updates update(const Value& y_true, const Value& y_pred, const Value& sample_weight) = 0;
  /// From the state as it is before the step in which this is read.
  virtual Value result() const = 0;
  const Variables& variables() const { return variables_; }

 protected:
  /// A state variable that starts, and after a reset starts again, at zero.
  Variable add_state(const std::string& name, const Shape& shape = {}, DType dtype = DType::f32);

 private:
  Variables variables_;
};

}  // namespace metrics

/// A running measure over batches: it holds state on the device, which update() changes and result() reads. A handle:
/// copies share the state; clone() has its own. Also made from Keras's names in any spelling ("mse",
/// "binary_accuracy", "AUC", ...), which then is its name; an unknown one is an error: "Could not interpret metric
/// identifier: foo". "accuracy" and "acc" stand for the binary, categorical or sparse categorical one, as the shapes
/// of the first batch say.
///
/// Weights have the rank of the values, or belong to the first axes. Without weights each example counts once.
class STRATA_API Metric {
 public:
  using Factory = std::function<std::shared_ptr<metrics::Definition>()>;
  Metric(const char* identifier);
  Metric(const std::string& identifier);
  Metric(std::string class_name, std::string name, Config config, metrics::Direction direction, Factory factory);

  Updates update(const Value& y_true, const Value& y_pred, const Value& sample_weight = {}) const;
  Value result() const { return state_->result(); }
  /// May grow with the first update, where the state depends on the shapes.
  const Variables& variables() const { return state_->variables(); }
  void reset() const;
  /// The same metric with a state of its own.
  Metric clone() const { return Metric(class_name_, name_, config_, direction_, factory_); }
  /// The same metric, state included, reported under another name.
  Metric renamed(std::string name) const;

  const std::string& name() const { return name_; }
  /// Keras's class name; "<function>" or "<class>" for one made by metrics::make, "accuracy" for the one that shapes
  /// choose.
  const std::string& class_name() const { return class_name_; }
  metrics::Direction direction() const { return direction_; }
  /// Keras's names and order.
  Config config() const;

 private:
  std::string class_name_, name_;
  Config config_;
  metrics::Direction direction_;
  Factory factory_;
  std::shared_ptr<metrics::Definition> state_;
};

/// As an object in Keras 3's spelling (a name where that is all there is), without the state; from any of Keras's
/// spellings, 2.x included. Error for an unknown metric, naming it and how to register it; for an argument that is
/// unknown or does not fit; and to_config for a metric of one's own that is not registered.
STRATA_API ConfigValue to_config(const Metric&);
STRATA_API void from_config(const ConfigValue&, Metric&);
/// Makes a metric of one's own known to files and identifiers, under its name(); what a file calls so becomes a clone
/// of this one. Error when a built-in metric has the name, or when `name` is not the metric's.
STRATA_API void register_metric(const std::string& name, const Metric& metric);
/// The same for a class of metrics that differ by their config: `make` gets what Metric::config() held.
STRATA_API void register_metric(const std::string& class_name, std::function<Metric(const Config&)> make);
/// Class names, and those of registered ones, sorted.
STRATA_API std::vector<std::string> metric_names();

namespace metrics {

using PerSampleFunction = std::function<Value(const Value& y_true, const Value& y_pred)>;

/// The running mean of a function of (y_true, y_pred), both of y_pred's element type, with one value per example.
STRATA_API Metric make_mean(const std::string& name, PerSampleFunction per_sample, Direction direction);

template <class F>
  requires std::is_invocable_r_v<Value, F, Value, Value>
Metric make(const std::string& name, F per_sample, Direction direction = Direction::unknown) {
  return make_mean(
      name, [f = std::move(per_sample)](const Value& y, const Value& p) { return f(y, p); }, direction);
}

/// A metric of a class of one's own: `metrics::make<MyMetric>("name", arguments...)`.
template <std::derived_from<Definition> T, class... A>
Metric make(const std::string& name, A... arguments) {
  return Metric("<class>", name, {}, Direction::unknown, [=] { return std::make_shared<T>(arguments...); });
}

struct NameOptions {
  std::string name = {};  ///< empty: Keras's
};

/// The mean of values, weighted if weights are given.
class STRATA_API Mean : public Metric {
 public:
  explicit Mean(const NameOptions& = {});
  Updates update(const Value& values, const Value& sample_weight = {}) const {
    return Metric::update(values, {}, sample_weight);
  }
};

/// The sum of values, times their weights if given.
class STRATA_API Sum : public Metric {
 public:
  explicit Sum(const NameOptions& = {});
  Updates update(const Value& values, const Value& sample_weight = {}) const {
    return Metric::update(values, {}, sample_weight);
  }
};

/// How often labels and predictions are equal.
class STRATA_API Accuracy : public Metric {
 public:
  explicit Accuracy(const NameOptions& = {});
};
struct BinaryAccuracyOptions {
  std::string name = {};
  double threshold = 0.5;  ///< predictions above it count as 1
};
class STRATA_API BinaryAccuracy : public Metric {
 public:
  explicit BinaryAccuracy(const BinaryAccuracyOptions& = {});
};
/// For one-hot labels: how often both have their largest element at the same place.
class STRATA_API CategoricalAccuracy : public Metric {
 public:
  explicit CategoricalAccuracy(const NameOptions& = {});
};
/// For numbers of classes as labels.
class STRATA_API SparseCategoricalAccuracy : public Metric {
 public:
  explicit SparseCategoricalAccuracy(const NameOptions& = {});
};
struct TopKOptions {
  std::int64_t k = 5;
  std::string name = {};
};
/// How often fewer than k predictions are larger than that of the label.
class STRATA_API TopKCategoricalAccuracy : public Metric {
 public:
  explicit TopKCategoricalAccuracy(const TopKOptions& = {});
};
class STRATA_API SparseTopKCategoricalAccuracy : public Metric {
 public:
  explicit SparseTopKCategoricalAccuracy(const TopKOptions& = {});
};

// Running means of the losses of the same names (layers/losses.h).
class STRATA_API MeanSquaredError : public Metric {
 public:
  explicit MeanSquaredError(const NameOptions& = {});
};
class STRATA_API MeanAbsoluteError : public Metric {
 public:
  explicit MeanAbsoluteError(const NameOptions& = {});
};
class STRATA_API MeanAbsolutePercentageError : public Metric {
 public:
  explicit MeanAbsolutePercentageError(const NameOptions& = {});
};
class STRATA_API MeanSquaredLogarithmicError : public Metric {
 public:
  explicit MeanSquaredLogarithmicError(const NameOptions& = {});
};
class STRATA_API LogCoshError : public Metric {
 public:
  explicit LogCoshError(const NameOptions& = {});
};
class STRATA_API Hinge : public Metric {
 public:
  explicit Hinge(const NameOptions& = {});
};
class STRATA_API SquaredHinge : public Metric {
 public:
  explicit SquaredHinge(const NameOptions& = {});
};
class STRATA_API CategoricalHinge : public Metric {
 public:
  explicit CategoricalHinge(const NameOptions& = {});
};
class STRATA_API KLDivergence : public Metric {
 public:
  explicit KLDivergence(const NameOptions& = {});
};
class STRATA_API Poisson : public Metric {
 public:
  explicit Poisson(const NameOptions& = {});
};
/// The root of the mean of all squared errors so far.
class STRATA_API RootMeanSquaredError : public Metric {
 public:
  explicit RootMeanSquaredError(const NameOptions& = {});
};
struct CosineSimilarityOptions {
  std::string name = {};
  std::int64_t axis = -1;
};
/// The cosine itself: the loss' negative.
class STRATA_API CosineSimilarity : public Metric {
 public:
  explicit CosineSimilarity(const CosineSimilarityOptions& = {});
};
struct SmoothedCrossentropyOptions {
  std::string name = {};
  bool from_logits = false;
  double label_smoothing = 0.0;
};
class STRATA_API BinaryCrossentropy : public Metric {
 public:
  explicit BinaryCrossentropy(const SmoothedCrossentropyOptions& = {});
};
struct CategoricalCrossentropyOptions {
  std::string name = {};
  bool from_logits = false;
  double label_smoothing = 0.0;
  std::int64_t axis = -1;
};
class STRATA_API CategoricalCrossentropy : public Metric {
 public:
  explicit CategoricalCrossentropy(const CategoricalCrossentropyOptions& = {});
};
struct SparseCrossentropyOptions {
  std::string name = {};
  bool from_logits = false;
  /// Examples of this label have the value 0. They count in the mean, unless weights are given: as in Keras.
  std::optional<std::int64_t> ignore_class = {};
  std::int64_t axis = -1;
};
class STRATA_API SparseCategoricalCrossentropy : public Metric {
 public:
  explicit SparseCategoricalCrossentropy(const SparseCrossentropyOptions& = {});
};

}  // namespace metrics
}  // namespace strata

#include "layers/confusion_metrics.h"   // IWYU pragma: export
#include "layers/iou_metrics.h"         // IWYU pragma: export
#include "layers/regression_metrics.h"  // IWYU pragma: export
