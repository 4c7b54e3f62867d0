#pragma once

#include "layers/metrics.h"

/// How well numbers are explained by predictions.
namespace strata::metrics {

struct R2Options {
  /// Over the outputs: "uniform_average", "variance_weighted_average", or empty for a result for each.
  std::string class_aggregation = "uniform_average";
  std::int64_t num_regressors = 0;  ///< of independent variables: above 0 the result is the adjusted score
  std::string name = {};
};
/// 1 - sum((y - p)^2) / sum((y - mean(y))^2) over all examples, for inputs (batch, outputs); 0 where that is
/// infinite. The adjusted score is 1 - (1 - score)(n - 1) / (n - num_regressors - 1), n counting the elements of all
/// batches; where that divisor is not positive it is the score.
class STRATA_API R2Score : public Metric {
 public:
  explicit R2Score(const R2Options& = {});
};

struct CorrelationOptions {
  std::string name = {};
  std::int64_t axis = -1;
};
/// The mean over batches and examples of Pearson's coefficient along the axis.
class STRATA_API PearsonCorrelation : public Metric {
 public:
  explicit PearsonCorrelation(const CorrelationOptions& = {});
};
/// 2 covariance / (variances + (difference of the means)^2), by Keras's formula. Lin, 1989.
class STRATA_API ConcordanceCorrelation : public Metric {
 public:
  explicit ConcordanceCorrelation(const CorrelationOptions& = {});
};

}  // namespace strata::metrics
