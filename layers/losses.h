#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/config.h"
#include "core/graph/apply.h"
#include "layers/arguments.h"

namespace strata {

namespace losses {
/// Losses before they are reduced, one for each example (and time step, pixel, ...). `mask`, if any, has the same shape
/// and is 1 where a loss counts.
struct PerSample {
  Value values;
  Value mask = {};
};
using Function = std::function<PerSample(const Value& y_true, const Value& y_pred)>;
}  // namespace losses

/// A loss: values for each example, and how they become one number. Also made from Keras's names in any spelling
/// ("mse", "mean_squared_error", "MeanSquaredError", ...); an unknown name is an error: "Could not interpret loss
/// identifier: foo". y_true may have any element type; y_pred is floating. Where ranks differ by a last axis of size
/// 1, it is dropped or added, as Keras does. Other differences in shape are errors that name the loss and both
/// shapes.
///
/// Reductions: "sum_over_batch_size" (also "mean") divides the sum of the values, times their weights if given, by the
/// number of values; "mean_with_sample_weight" by the sum of the weights; "sum" does not divide; "none" returns the
/// values. Weights have the shape of the values, or end in an axis of size 1.
/// What the mask of y_pred hides does not count: "sum_over_batch_size" then divides by the number of values that do.
/// In a step that several replicas share (core/graph/replication.h) it is this replica's part of the loss: the parts
/// add up to that of all samples. Of a loss that is one value for the batch (Dice) the parts add up to the mean over
/// replicas.
class STRATA_API Loss {
 public:
  Loss(const char* identifier);
  Loss(const std::string& identifier);
  /// Error for an unknown reduction.
  Loss(std::string class_name, std::string name, Config config, losses::Function function,
       const std::string& reduction = "sum_over_batch_size");

  Value operator()(const Value& y_true, const Value& y_pred, const Value& sample_weight = {}) const;
  /// The values before the reduction.
  Value per_sample(const Value& y_true, const Value& y_pred) const { return evaluate(y_true, y_pred).values; }

  const std::string& name() const { return name_; }
  /// Keras's class name; "<function>" for one made by losses::make, "crossentropy" for the one that shapes choose.
  const std::string& class_name() const { return class_name_; }
  const std::string& reduction() const { return reduction_; }
  /// Keras's names and order.
  Config config() const;

 private:
  losses::PerSample evaluate(const Value& y_true, const Value& y_pred) const;
  std::string class_name_, name_, reduction_;
  Config config_;
  losses::Function function_;
};

/// As an object in Keras 3's spelling (a name where that is all there is); from any of Keras's spellings, 2.x included.
/// Error for an unknown loss, naming it and how to register it; for an argument that is unknown or does not fit; and
/// to_config for a loss of one's own that is not registered.
STRATA_API ConfigValue to_config(const Loss&);
STRATA_API void from_config(const ConfigValue&, Loss&);
/// Makes a loss of one's own known to files and identifiers, under its name(); what a file calls so becomes this one.
/// Error when a built-in loss has the name, or when `name` is not the loss's.
STRATA_API void register_loss(const std::string& name, const Loss& loss);
/// The same for a class of losses that differ by their config: `make` gets what Loss::config() held.
STRATA_API void register_loss(const std::string& class_name, std::function<Loss(const Config&)> make);
/// Class names, and those of registered ones, sorted.
STRATA_API std::vector<std::string> loss_names();

namespace losses {

/// A loss of one's own, from a function of (y_true, y_pred), both of y_pred's element type, to one value per example.
template <class F>
  requires std::is_invocable_r_v<Value, F, Value, Value>
Loss make(const std::string& name, F per_sample, const std::string& reduction = "sum_over_batch_size") {
  return Loss(
      "<function>", name, {},
      [f = std::move(per_sample)](const Value& y, const Value& p) { return PerSample{f(cast(y, p.dtype()), p)}; },
      reduction);
}

struct ReductionOptions {
  std::string reduction = "sum_over_batch_size";
  std::string name = {};  ///< empty: Keras's
};

/// mean((p - y)^2) over the last axis.
class STRATA_API MeanSquaredError : public Loss {
 public:
  explicit MeanSquaredError(const ReductionOptions& = {});
};
/// mean(|p - y|)
class STRATA_API MeanAbsoluteError : public Loss {
 public:
  explicit MeanAbsoluteError(const ReductionOptions& = {});
};
/// 100 mean(|y - p| / max(|y|, 1e-7))
class STRATA_API MeanAbsolutePercentageError : public Loss {
 public:
  explicit MeanAbsolutePercentageError(const ReductionOptions& = {});
};
/// mean((log(p + 1) - log(y + 1))^2), p and y at least 1e-7.
class STRATA_API MeanSquaredLogarithmicError : public Loss {
 public:
  explicit MeanSquaredLogarithmicError(const ReductionOptions& = {});
};
/// mean(log(cosh(p - y)))
class STRATA_API LogCosh : public Loss {
 public:
  explicit LogCosh(const ReductionOptions& = {});
};
/// mean(max(1 - y p, 0)); labels that are all 0 or 1 are taken as -1 and 1.
class STRATA_API Hinge : public Loss {
 public:
  explicit Hinge(const ReductionOptions& = {});
};
/// mean(max(1 - y p, 0)^2)
class STRATA_API SquaredHinge : public Loss {
 public:
  explicit SquaredHinge(const ReductionOptions& = {});
};
/// max(max((1 - y) p) - sum(y p) + 1, 0)
class STRATA_API CategoricalHinge : public Loss {
 public:
  explicit CategoricalHinge(const ReductionOptions& = {});
};
/// sum(y log(y / p)), both brought into [1e-7, 1].
class STRATA_API KLDivergence : public Loss {
 public:
  explicit KLDivergence(const ReductionOptions& = {});
};
/// mean(p - y log(p + 1e-7))
class STRATA_API Poisson : public Loss {
 public:
  explicit Poisson(const ReductionOptions& = {});
};

struct HuberOptions {
  double delta = 1.0;
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
};
/// mean of d^2 / 2 where |d| <= delta, delta |d| - delta^2 / 2 elsewhere; d = p - y.
class STRATA_API Huber : public Loss {
 public:
  explicit Huber(const HuberOptions& = {});
};

struct CosineSimilarityOptions {
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
};
/// -cos of the angle between y and p.
class STRATA_API CosineSimilarity : public Loss {
 public:
  explicit CosineSimilarity(const CosineSimilarityOptions& = {});
};

/// The three cross-entropies. Where y_pred is the output of a softmax (binary: of a sigmoid), they work from its input,
/// which is stable, whatever `from_logits` says. Other probabilities are brought into [1e-7, 1 - 1e-7] first.
struct BinaryCrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0.0;  ///< labels move toward 0.5 by this share
  std::int64_t axis = -1;        ///< the mean is taken over it
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
};
class STRATA_API BinaryCrossentropy : public Loss {
 public:
  explicit BinaryCrossentropy(const BinaryCrossentropyOptions& = {});
};

struct CategoricalCrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0.0;  ///< labels move toward 1 / classes by this share
  std::int64_t axis = -1;        ///< the classes
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
};
class STRATA_API CategoricalCrossentropy : public Loss {
 public:
  explicit CategoricalCrossentropy(const CategoricalCrossentropyOptions& = {});
};

struct SparseCategoricalCrossentropyOptions {
  bool from_logits = false;
  std::optional<std::int64_t> ignore_class = {};  ///< examples of this label do not count
  std::string reduction = "sum_over_batch_size";
  std::int64_t axis = -1;
  std::string name = {};
};
/// Labels are numbers of classes: y_true has the shape of y_pred without the axis of the classes. A label outside of
/// the classes is an error when the step runs.
class STRATA_API SparseCategoricalCrossentropy : public Loss {
 public:
  explicit SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& = {});
};

struct BinaryFocalCrossentropyOptions {
  bool apply_class_balancing = false;  ///< class 1 counts alpha, class 0 counts 1 - alpha
  double alpha = 0.25;
  double gamma = 2.0;
  bool from_logits = false;
  double label_smoothing = 0.0;
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
};
/// Binary cross-entropy times (1 - q)^gamma, where q is the probability given to the right label. Lin and others, 2018.
class STRATA_API BinaryFocalCrossentropy : public Loss {
 public:
  explicit BinaryFocalCrossentropy(const BinaryFocalCrossentropyOptions& = {});
};

struct CategoricalFocalCrossentropyOptions {
  double alpha = 0.25;
  double gamma = 2.0;
  bool from_logits = false;
  double label_smoothing = 0.0;
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
};
/// -sum(alpha (1 - p)^gamma y log(p)), p made to add up to 1 and brought into [1e-7, 1 - 1e-7].
class STRATA_API CategoricalFocalCrossentropy : public Loss {
 public:
  explicit CategoricalFocalCrossentropy(const CategoricalFocalCrossentropyOptions& = {});
};

struct CategoricalGeneralizedCrossEntropyOptions {
  double q = 0.5;  ///< in (0, 1)
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
};
/// (1 - p^q) / q, p the probability of the label, which is the number of a class. Zhang and Sabuncu, 2018.
class STRATA_API CategoricalGeneralizedCrossEntropy : public Loss {
 public:
  explicit CategoricalGeneralizedCrossEntropy(const CategoricalGeneralizedCrossEntropyOptions& = {});
};

struct DiceOptions {
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
  std::optional<AxisArgument> axis = {};  ///< what is summed over; none: everything, one value for the batch
};
/// 1 - 2 sum(y p) / (sum(y) + sum(p) + 1e-7)
class STRATA_API Dice : public Loss {
 public:
  explicit Dice(const DiceOptions& = {});
};

struct TverskyOptions {
  double alpha = 0.5;
  double beta = 0.5;
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
  std::optional<AxisArgument> axis = {};
};
/// 1 - s / (s + alpha sum(y (1 - p)) + beta sum(p (1 - y)) + 1e-7), s = sum(y p). Salehi and others, 2017.
class STRATA_API Tversky : public Loss {
 public:
  explicit Tversky(const TverskyOptions& = {});
};

/// Connectionist temporal classification: y_pred are logits (batch, times, classes), y_true labels (batch, length),
/// where 0 fills up and stands for the blank; minus the logarithm of the probability of the labels, infinite where
/// there are more than the times can hold. The graph grows with the number of times. Graves and others, 2006.
class STRATA_API CTC : public Loss {
 public:
  explicit CTC(const ReductionOptions& = {});
};

struct CircleOptions {
  double gamma = 80.0;
  double margin = 0.4;
  bool remove_diagonal = true;  ///< an example is no pair with itself
  std::string reduction = "sum_over_batch_size";
  std::string name = {};
};
/// y_pred: embeddings (batch, features) of length 1; y_true: labels (batch). Pulls examples of one label together and
/// pushes others apart; examples without a loss do not count in the mean. Sun and others, 2020.
class STRATA_API Circle : public Loss {
 public:
  explicit Circle(const CircleOptions& = {});
};

}  // namespace losses
}  // namespace strata
