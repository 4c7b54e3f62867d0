#include "layers/regression_metrics.h"

#include "core/ops/ops.h"
#include "layers/loss_functions.h"
#include "layers/mean_metric.h"
#include "layers/metric_registration.h"

namespace strata::metrics {

namespace {
/// None stands for a result for each output.
constexpr auto r2_arguments = [](auto& field, auto& o) {
  std::optional<std::string> aggregation;
  if (!o.class_aggregation.empty()) aggregation = o.class_aggregation;
  field("class_aggregation", aggregation);
  if constexpr (!std::is_const_v<std::remove_reference_t<decltype(o)>>) o.class_aggregation = aggregation.value_or("");
  field("num_regressors", o.num_regressors);
};
constexpr auto axis_argument = [](auto& field, auto& o) { field("axis", o.axis); };

class R2Definition : public Definition {
 public:
  R2Definition(std::string name, R2Options o) : who_(who(name)), o_(std::move(o)) {}

  Updates update(const Value& y_true, const Value& y_pred, const Value& weights) override {
    auto [y, p] = losses::same_rank(cast(y_true, DType::f32), cast(y_pred, DType::f32));
    if (p.shape().rank() != 2 || y.shape() != p.shape())
      fail_expected(who_, "y_true and y_pred of shape (batch_size, output_dim)",
                    to_keras_string(y_true.shape()) + " and " + to_keras_string(y_pred.shape()));
    if (variables().size() == 1)
      for (const char* name : {"squared_sum", "sum", "residual", "count"}) add_state(name, {p.shape()[1]});
    Value w = weights ? cast(weights, DType::f32) : ones_like(y);
    if (w.shape().rank() == 1) w = expand_dims(w, 1);
    w = broadcast_to(w, y.shape());
    const Values more{sum(w * square(y), {0}), sum(w * y, {0}), sum(w * square(y - p), {0}), sum(w, {0})};
    Updates updates{{samples_, pending(samples_) + static_cast<double>(y.shape().elements())}};
    for (std::size_t i = 0; i < more.size(); ++i) {
      const Variable& state = variables()[i + 1];
      updates.push_back({state, pending(state) + more[i]});
    }
    return updates;
  }

  Value result() const override {
    if (variables().size() == 1)
      throw Error(who_, "has no result before the first update, which says how many outputs there are");
    const Value squares = variables()[1], total = variables()[2], residual = variables()[3], count = variables()[4];
    const Value variation = squares - total * (total / count), raw = 1.0 - residual / variation;
    const Value scores = where(logical_or(is_finite(raw), is_nan(raw)), raw, 0.0);
    if (o_.class_aggregation == "uniform_average") return adjusted(mean(scores));
    if (o_.class_aggregation.empty()) return adjusted(scores);
    return adjusted(sum(variation * scores) / sum(variation));
  }

 private:
  Value adjusted(const Value& score) const {
    if (o_.num_regressors == 0) return score;
    const Value n = samples_, left = n - static_cast<double>(o_.num_regressors) - 1.0;
    return where(left > 0.0, 1.0 - (1.0 - score) * (n - 1.0) / left, score);
  }
  std::string who_;
  R2Options o_;
  Variable samples_ = add_state("num_samples");
};

Metric r2(const R2Options& o) {
  if (!o.class_aggregation.empty() && o.class_aggregation != "uniform_average" &&
      o.class_aggregation != "variance_weighted_average")
    throw Error("R2Score",
                "Invalid value for argument `class_aggregation`. Expected \"uniform_average\", "
                "\"variance_weighted_average\" or none. Received: class_aggregation=" +
                    o.class_aggregation);
  if (o.num_regressors < 0)
    throw Error("R2Score",
                "Invalid value for argument `num_regressors`. Expected a value >= 0. Received: num_regressors=" +
                    std::to_string(o.num_regressors));
  const std::string name = or_default(o.name, "r2_score");
  return Metric("R2Score", name, write_arguments(r2_arguments, o), Direction::max,
                [=] { return std::make_shared<R2Definition>(name, o); });
}

Metric correlation(const char* class_name, const char* name, const CorrelationOptions& o,
                   Value (*function)(const Value&, const Value&, std::int64_t)) {
  const std::string chosen = or_default(o.name, name);
  const auto along_axis = [function, axis = o.axis](const Value& y, const Value& p) { return function(y, p, axis); };
  return mean_metric(class_name, chosen, Direction::max, aligned(chosen, along_axis),
                     write_arguments(axis_argument, o));
}
}  // namespace

R2Score::R2Score(const R2Options& o) : Metric(r2(o)) {}
PearsonCorrelation::PearsonCorrelation(const CorrelationOptions& o)
    : Metric(correlation("PearsonCorrelation", "pearson_correlation", o, losses::pearson_correlation)) {}
ConcordanceCorrelation::ConcordanceCorrelation(const CorrelationOptions& o)
    : Metric(correlation("ConcordanceCorrelation", "concordance_correlation", o, losses::concordance_correlation)) {}

namespace {
[[maybe_unused]] const bool registered =
    register_built_in<R2Score, R2Options>("R2Score", r2_arguments) &&
    register_built_in<PearsonCorrelation, CorrelationOptions>("PearsonCorrelation", axis_argument) &&
    register_built_in<ConcordanceCorrelation, CorrelationOptions>("ConcordanceCorrelation", axis_argument);
}  // namespace

}  // namespace strata::metrics
