#include "core/ops/ops.h"
#include "layers/loss_functions.h"
#include "layers/metric_registration.h"

namespace strata::metrics {

namespace {
/// Keras writes None where no average is taken.
constexpr auto average_argument = [](auto& field, auto& o) {
  std::optional<std::string> average;
  if (!o.average.empty()) average = o.average;
  field("average", average);
  if constexpr (!std::is_const_v<std::remove_reference_t<decltype(o)>>) o.average = average.value_or("");
};
constexpr auto f_beta_arguments = [](auto& field, auto& o) {
  average_argument(field, o);
  field("beta", o.beta);
  field("threshold", o.threshold);
};
constexpr auto f1_arguments = [](auto& field, auto& o) {
  average_argument(field, o);
  field("threshold", o.threshold);
};

class FBetaDefinition : public Definition {
 public:
  FBetaDefinition(std::string name, FBetaOptions options)
      : who_("metric '" + name + "'"), options_(std::move(options)) {}

  Updates update(const Value& y_true, const Value& y_pred, const Value& weights) override {
    if (y_pred.shape().rank() != 2)
      fail_expected(who_, "y_pred of shape (batch_size, classes)", to_keras_string(y_pred.shape()));
    losses::require_same_shape(who_, y_true, y_pred);
    const Value y = cast(y_true, DType::f32), p = cast(y_pred, DType::f32);
    const Value positive = options_.threshold ? p > *options_.threshold
                                              : logical_and(p >= max(p, {-1}, {.keepdims = true}), abs(p) > 1e-9);
    const Value hit = cast(positive, DType::f32);
    Value w;
    if (weights)
      w = weights.shape().rank() == 1 ? expand_dims(cast(weights, DType::f32), -1) : cast(weights, DType::f32);
    const auto total = [&](const Value& v) { return sum(w ? v * w : v, micro() ? Axes{} : Axes{0}); };
    if (variables().empty())
      for (const char* name : {"true_positives", "false_positives", "false_negatives", "intermediate_weights"})
        add_state(name, micro() ? Shape{} : Shape{p.shape()[1]});
    const Values counts{total(hit * y), total(hit * (1.0 - y)), total((1.0 - hit) * y), total(y)};
    Updates all;
    for (std::size_t i = 0; i < counts.size(); ++i)
      all.push_back({variables()[i], pending(variables()[i]) + counts[i]});
    return all;
  }

  Value result() const override {
    if (variables().empty())
      throw Error(who_, "has no result before the first update, which says how many classes there are");
    const Value tp = variables()[0], fp = variables()[1], fn = variables()[2], support = variables()[3];
    constexpr double epsilon = 1e-7;  // Keras adds it to every divisor
    const Value precision = tp / (tp + fp + epsilon), recall = tp / (tp + fn + epsilon);
    const double b = options_.beta * options_.beta;
    const Value score = (1 + b) * (precision * recall / (b * precision + recall + epsilon));
    if (options_.average == "macro") return mean(score);
    if (options_.average == "weighted") return sum(score * (support / (sum(support) + epsilon)));
    return score;
  }

 private:
  bool micro() const { return options_.average == "micro"; }
  std::string who_;
  FBetaOptions options_;
};

Metric f_beta(const char* class_name, const char* stem, const FBetaOptions& o, Config config) {
  if (!o.average.empty() && o.average != "micro" && o.average != "macro" && o.average != "weighted")
    throw Error(class_name,
                "Invalid `average` argument value. Expected one of: micro, macro, weighted, or none. Received: "
                "average=" +
                    o.average);
  if (!(o.beta > 0)) fail_expected(class_name, "beta above 0", std::to_string(o.beta));
  const std::string name = or_default(o.name, stem);
  return Metric(class_name, name, std::move(config), Direction::max,
                [name, o] { return std::make_shared<FBetaDefinition>(name, o); });
}
}  // namespace

FBetaScore::FBetaScore(const FBetaOptions& o)
    : Metric(f_beta("FBetaScore", "fbeta_score", o, write_arguments(f_beta_arguments, o))) {}
F1Score::F1Score(const F1Options& o)
    : Metric(f_beta("F1Score", "f1_score",
                    {.average = o.average, .beta = 1.0, .threshold = o.threshold, .name = o.name},
                    write_arguments(f1_arguments, o))) {}

namespace {
[[maybe_unused]] const bool registered =
    register_built_in<FBetaScore, FBetaOptions>("FBetaScore", f_beta_arguments, {"f_beta_score"}) &&
    register_built_in<F1Score, F1Options>("F1Score", f1_arguments);
}  // namespace

}  // namespace strata::metrics
