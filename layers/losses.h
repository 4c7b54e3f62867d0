#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/base/config.h"
#include "core/graph/apply.h"

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
/// identifier: foo". y_true may have any element type; y_pred is floating. Where ranks differ by a last axis of size 1, it
/// is dropped or added, as Keras does. Other differences in shape are errors that name the loss and both shapes.
///
/// Reductions: "sum_over_batch_size" (also "mean") divides the sum of the values, times their weights if given, by the
/// number of values; "mean_with_sample_weight" by the sum of the weights; "sum" does not divide; "none" returns the
/// values. Weights have the shape of the values, or end in an axis of size 1.
/// What the mask of y_pred hides does not count: "sum_over_batch_size" then divides by the number of values that do.
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
  /// Keras's class name; "<function>" for one of the user's.
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

namespace losses {

/// A loss of one's own, from a function of (y_true, y_pred), both of y_pred's element type, to one value per example.
template <class F>
  requires std::is_invocable_r_v<Value, F, Value, Value>
Loss make(const std::string& name, F per_sample, const std::string& reduction = "sum_over_batch_size") {
  return Loss("<function>", name, {},
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
/// Labels are numbers of classes: y_true has the shape of y_pred without the axis of the classes. A label outside of the
/// classes is an error when the step runs.
class STRATA_API SparseCategoricalCrossentropy : public Loss {
 public:
  explicit SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& = {});
};

}  // namespace losses
}  // namespace strata
