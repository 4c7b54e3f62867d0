#pragma once

#include "layers/metrics.h"

/// Metrics that count: labels other than 0 are positive, predictions above a threshold are. One threshold makes a
/// scalar result, several a vector. Where nothing was counted, quotients are 0.
namespace strata::metrics {

/// Thresholds lie in [0, 1]; none stands for 0.5.
struct CountOptions {
  std::vector<double> thresholds = {};
  std::string name = {};  ///< empty: Keras's automatic name (`precision`, `precision_1`, ...)
};
class STRATA_API TruePositives : public Metric {
 public:
  explicit TruePositives(const CountOptions& = {});
};
class STRATA_API FalsePositives : public Metric {
 public:
  explicit FalsePositives(const CountOptions& = {});
};
class STRATA_API TrueNegatives : public Metric {
 public:
  explicit TrueNegatives(const CountOptions& = {});
};
class STRATA_API FalseNegatives : public Metric {
 public:
  explicit FalseNegatives(const CountOptions& = {});
};

struct PrecisionOptions {
  std::vector<double> thresholds = {};        ///< none: 0.5, or with top_k all of these count as predicted
  std::optional<std::int64_t> top_k = {};     ///< only the k largest predictions of an example count
  std::optional<std::int64_t> class_id = {};  ///< only this class counts
  std::string name = {};
};
/// True positives among what was predicted positive.
class STRATA_API Precision : public Metric {
 public:
  explicit Precision(const PrecisionOptions& = {});
};
/// True positives among what is positive.
class STRATA_API Recall : public Metric {
 public:
  explicit Recall(const PrecisionOptions& = {});
};

struct SearchOptions {
  std::int64_t num_thresholds = 200;  ///< evenly spaced in [0, 1]; one stands for 0.5
  std::optional<std::int64_t> class_id = {};
  std::string name = {};
};
/// The best share of the positives that are found at a threshold at which at least `specificity` of the negatives
/// are; 0 where there is none. Likewise the others: sensitivity is recall.
class STRATA_API SensitivityAtSpecificity : public Metric {
 public:
  explicit SensitivityAtSpecificity(double specificity, const SearchOptions& = {});
};
class STRATA_API SpecificityAtSensitivity : public Metric {
 public:
  explicit SpecificityAtSensitivity(double sensitivity, const SearchOptions& = {});
};
class STRATA_API PrecisionAtRecall : public Metric {
 public:
  explicit PrecisionAtRecall(double recall, const SearchOptions& = {});
};
class STRATA_API RecallAtPrecision : public Metric {
 public:
  explicit RecallAtPrecision(double precision, const SearchOptions& = {});
};

struct AUCOptions {
  std::int64_t num_thresholds = 200;
  std::string curve = "ROC";                       ///< or "PR", "PRGAIN"
  std::string summation_method = "interpolation";  ///< or "minoring", "majoring"
  std::string name = {};
  std::vector<double> thresholds = {};          ///< instead of evenly spaced ones; 0 and 1 are added
  bool multi_label = false;                     ///< the mean of each label's area, instead of the area of all together
  std::optional<std::int64_t> num_labels = {};  ///< otherwise the first update says; with multi_label only
  std::vector<double> label_weights = {};       ///< for that mean; without multi_label for the counts
  bool from_logits = false;                     ///< a sigmoid is applied first
};
/// Area under the curve, as a sum over thresholds. Precision-recall curves are interpolated as in Davis and Goadrich,
/// "The relationship between precision-recall and ROC curves", 2006; gains as in Flach and Kull, "Precision-recall-gain
/// curves", 2015.
class STRATA_API AUC : public Metric {
 public:
  explicit AUC(const AUCOptions& = {});
};

struct FBetaOptions {
  std::string average = {};  ///< "micro", "macro", "weighted"; empty: a result for each class
  double beta = 1.0;
  std::optional<double> threshold = {};  ///< none: the largest prediction of an example is positive
  std::string name = {};
};
struct F1Options {
  std::string average = {};
  std::optional<double> threshold = {};
  std::string name = {};
};
/// (1 + beta^2) precision recall / (beta^2 precision + recall), for inputs [batch, classes].
class STRATA_API FBetaScore : public Metric {
 public:
  explicit FBetaScore(const FBetaOptions& = {});
};
/// FBetaScore with beta 1.
class STRATA_API F1Score : public Metric {
 public:
  explicit F1Score(const F1Options& = {});
};

}  // namespace strata::metrics
