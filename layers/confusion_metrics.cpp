#include "layers/confusion_metrics.h"

#include <algorithm>

#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "layers/loss_functions.h"

namespace strata::metrics {

namespace {
constexpr double minus_infinity = -1e10;  // Keras's, for predictions outside of the top k

std::string or_unique(const std::string& name, const char* stem) { return name.empty() ? unique_name(stem) : name; }

ConfigValue::List to_list(const std::vector<double>& values) { return {values.begin(), values.end()}; }

/// Labels and predictions as they are counted.
struct Selection {
  std::vector<double> thresholds;
  std::optional<std::int64_t> top_k = {}, class_id = {};
};

/// Sums of weights over a batch, one for each threshold.
struct Counts {
  Value hit;             // [thresholds, n]: 1 where predicted positive
  Value positive, negative;  // [n]: weight of the example if it is, and else 0
  Value true_positives() const { return sum(hit * positive, {1}); }
  Value false_positives() const { return sum(hit * negative, {1}); }
  Value false_negatives() const { return sum((1.0 - hit) * positive, {1}); }
  Value true_negatives() const { return sum((1.0 - hit) * negative, {1}); }
};

Value only_class(const Value& x, std::int64_t id) {
  const int last = x.shape().rank() - 1;
  std::vector<std::int64_t> begin(static_cast<std::size_t>(last), 0), end(static_cast<std::size_t>(last), slice_end);
  begin.push_back(id);
  end.push_back(id + 1);
  return slice(x, begin, end);
}

/// Predictions outside of the k largest of the last axis get out of reach of any threshold.
Value only_top_k(const Value& x, std::int64_t k) {
  const Values largest = top_k(x, k);
  const Value kept = apply(TopKGradient{x.shape().back()}, ones_like(largest[0]), largest[1]);
  return where(kept > 0.0, x, minus_infinity);
}

/// Weights as one number for each element of `shape`; those of lower rank belong to the first axes.
Value spread(const std::string& who, const Value& weights, const Value& like) {
  Value w = losses::same_rank(like, cast(weights, DType::f32), false).second;
  while (w.shape().rank() < like.shape().rank()) w = expand_dims(w, -1);
  if (broadcast(w.shape(), like.shape(), who + " sample_weight") != like.shape())
    fail_expected(who, "sample_weight that broadcasts to " + to_keras_string(like.shape()), to_keras_string(weights.shape()));
  return reshape(broadcast_to(w, like.shape()), {-1});
}

Counts count(const std::string& who, Value y, Value p, const Value& weights, const Selection& s) {
  std::tie(p, y) = losses::same_rank(cast(p, DType::f32), cast(y, DType::f32));
  losses::require_same_shape(who, y, p);
  if (s.top_k) p = only_top_k(p, *s.top_k);
  if (s.class_id) {
    const std::int64_t classes = p.shape().back();
    if (*s.class_id < 0 || *s.class_id >= classes)
      fail_expected(who, "class_id within the " + std::to_string(classes) + " classes", std::to_string(*s.class_id));
    y = only_class(y, *s.class_id);
    p = only_class(p, *s.class_id);
  }
  const Value positive = cast(not_equal(reshape(y, {-1}), 0.0), DType::f32), negative = 1.0 - positive;
  const std::vector<float> limits(s.thresholds.begin(), s.thresholds.end());
  const Value limit = constant(Tensor::from<float>({static_cast<std::int64_t>(limits.size()), 1}, limits));
  const Value hit = cast(reshape(p, {1, -1}) > limit, DType::f32);
  if (!weights) return {hit, positive, negative};
  const Value w = spread(who, weights, p);
  return {hit, positive * w, negative * w};
}

std::vector<double> checked_thresholds(const char* who, const std::vector<double>& given, double fallback) {
  for (const double t : given)
    if (!(t >= 0 && t <= 1))
      throw Error(who, "Threshold values must be in [0, 1]. Received: " + std::to_string(t));
  return given.empty() ? std::vector<double>{fallback} : given;
}

/// A vector over thresholds, or the number if there is one.
Value over_thresholds(const Value& v) { return v.shape().elements() == 1 ? reshape(v, Shape{}) : v; }

using Member = Value (Counts::*)() const;

/// Running counts of some kinds over thresholds.
class CountDefinition : public Definition {
 public:
  struct Kind {
    const char* name;
    Member count;
  };
  CountDefinition(std::string name, Selection selection, std::vector<Kind> kinds)
      : who_("metric '" + name + "'"), selection_(std::move(selection)), kinds_(std::move(kinds)) {
    for (const Kind& k : kinds_)
      add_state(k.name, {static_cast<std::int64_t>(selection_.thresholds.size())});
  }
  Updates update(const Value& y, const Value& p, const Value& weights) override {
    const Counts counts = count(who_, y, transformed(p), weights, selection_);
    Updates all;
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      const Variable& state = variables()[i];
      all.push_back({state, pending(state) + (counts.*kinds_[i].count)()});
    }
    return all;
  }
  Value result() const override { return over_thresholds(variables()[0]); }

 protected:
  virtual Value transformed(const Value& p) const { return p; }

 private:
  std::string who_;
  Selection selection_;
  std::vector<Kind> kinds_;
};

/// The first kind's share in both.
class ShareDefinition : public CountDefinition {
 public:
  using CountDefinition::CountDefinition;
  Value result() const override {
    const Value first = variables()[0];
    return over_thresholds(losses::divide_no_nan(first, first + variables()[1]));
  }
};

constexpr CountDefinition::Kind true_positives{"true_positives", &Counts::true_positives};
constexpr CountDefinition::Kind false_positives{"false_positives", &Counts::false_positives};
constexpr CountDefinition::Kind true_negatives{"true_negatives", &Counts::true_negatives};
constexpr CountDefinition::Kind false_negatives{"false_negatives", &Counts::false_negatives};

template <class D>
Metric counting(const char* class_name, const std::string& name, const std::vector<double>& given, Selection selection,
                const std::vector<CountDefinition::Kind>& kinds, Direction direction) {
  const ConfigValue thresholds = given.empty()       ? ConfigValue(nullptr)
                                 : given.size() == 1 ? ConfigValue(given[0])
                                                     : ConfigValue(to_list(given));
  Config config{{"thresholds", thresholds}};
  if (direction == Direction::max) {
    const auto optional = [](const std::optional<std::int64_t>& i) { return i ? ConfigValue(*i) : ConfigValue(nullptr); };
    config.set("top_k", optional(selection.top_k));
    config.set("class_id", optional(selection.class_id));
  }
  const double fallback = selection.top_k ? minus_infinity : 0.5;
  selection.thresholds = checked_thresholds(class_name, given, fallback);
  return Metric(class_name, name, std::move(config), direction,
                [name, selection, kinds] { return std::make_shared<D>(name, selection, kinds); });
}

Metric single_count(const char* class_name, const CountOptions& o, CountDefinition::Kind kind) {
  return counting<CountDefinition>(class_name, or_unique(o.name, kind.name), o.thresholds, {}, {kind}, Direction::unknown);
}

Metric share(const char* class_name, const char* stem, const PrecisionOptions& o, CountDefinition::Kind other) {
  if (o.top_k && *o.top_k < 1) fail_expected(class_name, "top_k of at least 1", std::to_string(*o.top_k));
  return counting<ShareDefinition>(class_name, or_unique(o.name, stem), o.thresholds, {{}, o.top_k, o.class_id},
                                   {true_positives, other}, Direction::max);
}

/// Elements 0 to n - 2, and 1 to n - 1.
Value heads(const Value& v) { return slice(v, {0}, {-1}); }
Value tails(const Value& v) { return slice(v, {1}, {slice_end}); }

class AUCDefinition : public CountDefinition {
 public:
  AUCDefinition(const std::string& name, Selection selection, AUCOptions options)
      : CountDefinition(name, std::move(selection), {true_positives, true_negatives, false_positives, false_negatives}),
        options_(std::move(options)) {}

  Value result() const override {
    const Value tp = variables()[0], tn = variables()[1], fp = variables()[2], fn = variables()[3];
    using losses::divide_no_nan;
    if (options_.curve == "PR" && options_.summation_method == "interpolation") return interpolated_pr(tp, fp, fn);
    const Value recall = divide_no_nan(tp, tp + fn);
    if (options_.curve == "PR") return area(recall, divide_no_nan(tp, tp + fp));
    return area(divide_no_nan(fp, fp + tn), recall);
  }

 protected:
  Value transformed(const Value& p) const override { return options_.from_logits ? sigmoid(p) : p; }

 private:
  Value area(const Value& x, const Value& y) const {
    const Value left = heads(y), right = tails(y);
    const Value height = options_.summation_method == "interpolation" ? (left + right) / 2.0
                         : options_.summation_method == "minoring"    ? minimum(left, right)
                                                                      : maximum(left, right);
    return sum((heads(x) - tails(x)) * height);
  }
  /// Between two thresholds true positives grow linearly with the number of predicted positives p.
  static Value interpolated_pr(const Value& tp, const Value& fp, const Value& fn) {
    using losses::divide_no_nan;
    const Value p = tp + fp;
    const Value dtp = heads(tp) - tails(tp), dp = heads(p) - tails(p);
    const Value slope = divide_no_nan(dtp, maximum(dp, 0.0));
    const Value intercept = tails(tp) - slope * tails(p);
    const Value ratio = where(logical_and(heads(p) > 0.0, tails(p) > 0.0),
                              divide_no_nan(heads(p), maximum(tails(p), 0.0)), 1.0);
    return sum(divide_no_nan(slope * (dtp + intercept * log(ratio)), maximum(tails(tp) + tails(fn), 0.0)));
  }
  AUCOptions options_;
};

/// Evenly spaced, or those given; the ends lie just outside of [0, 1], so that they include everything and nothing.
std::vector<double> auc_thresholds(const AUCOptions& o) {
  std::vector<double> inner = o.thresholds;
  if (inner.empty()) {
    if (o.num_thresholds <= 1) fail_expected("AUC", "num_thresholds above 1", std::to_string(o.num_thresholds));
    for (std::int64_t i = 1; i < o.num_thresholds - 1; ++i)
      inner.push_back(static_cast<double>(i) / static_cast<double>(o.num_thresholds - 1));
  }
  inner = checked_thresholds("AUC", inner, 0.5);
  std::sort(inner.begin(), inner.end());
  inner.insert(inner.begin(), -1e-7);
  inner.push_back(1.0 + 1e-7);
  return inner;
}

void check_choice(const char* argument, const std::string& given, const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), given) != choices.end()) return;
  std::string list;
  for (const std::string& c : choices) list += (list.empty() ? "'" : ", '") + c + "'";
  throw Error("AUC", std::string("Invalid value for argument `") + argument + "`: '" + given + "'. Valid values are: " + list);
}

Metric auc(const AUCOptions& o) {
  check_choice("curve", o.curve, {"ROC", "PR"});
  check_choice("summation_method", o.summation_method, {"interpolation", "minoring", "majoring"});
  const std::string name = or_unique(o.name, "auc");
  const Selection selection{auc_thresholds(o)};
  Config config{{"num_thresholds", static_cast<std::int64_t>(selection.thresholds.size())},
                {"curve", o.curve},
                {"summation_method", o.summation_method},
                {"multi_label", false},
                {"num_labels", nullptr},
                {"label_weights", nullptr},
                {"from_logits", o.from_logits}};
  if (!o.thresholds.empty()) config.set("thresholds", to_list(o.thresholds));
  return Metric("AUC", name, std::move(config), Direction::max,
                [=] { return std::make_shared<AUCDefinition>(name, selection, o); });
}

class FBetaDefinition : public Definition {
 public:
  FBetaDefinition(std::string name, FBetaOptions options) : who_("metric '" + name + "'"), options_(std::move(options)) {}

  Updates update(const Value& y_true, const Value& y_pred, const Value& weights) override {
    if (y_pred.shape().rank() != 2)
      fail_expected(who_, "y_pred of shape (batch_size, classes)", to_keras_string(y_pred.shape()));
    losses::require_same_shape(who_, y_true, y_pred);
    const Value y = cast(y_true, DType::f32), p = cast(y_pred, DType::f32);
    const Value positive = options_.threshold ? p > *options_.threshold
                                              : logical_and(p >= max(p, {-1}, {.keepdims = true}), abs(p) > 1e-9);
    const Value hit = cast(positive, DType::f32);
    Value w;
    if (weights) w = weights.shape().rank() == 1 ? expand_dims(cast(weights, DType::f32), -1) : cast(weights, DType::f32);
    const auto total = [&](const Value& v) { return sum(w ? v * w : v, micro() ? Axes{} : Axes{0}); };
    if (variables().empty())
      for (const char* name : {"true_positives", "false_positives", "false_negatives", "intermediate_weights"})
        add_state(name, micro() ? Shape{} : Shape{p.shape()[1]});
    const Values counts{total(hit * y), total(hit * (1.0 - y)), total((1.0 - hit) * y), total(y)};
    Updates all;
    for (std::size_t i = 0; i < counts.size(); ++i) all.push_back({variables()[i], pending(variables()[i]) + counts[i]});
    return all;
  }

  Value result() const override {
    if (variables().empty()) throw Error(who_, "has no result before the first update, which says how many classes there are");
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

Metric f_beta(const char* class_name, const char* stem, const FBetaOptions& o) {
  if (!o.average.empty() && o.average != "micro" && o.average != "macro" && o.average != "weighted")
    throw Error(class_name, "Invalid `average` argument value. Expected one of: micro, macro, weighted, or none. Received: "
                            "average=" + o.average);
  if (!(o.beta > 0)) fail_expected(class_name, "beta above 0", std::to_string(o.beta));
  const std::string name = o.name.empty() ? stem : o.name;
  Config config{{"average", o.average.empty() ? ConfigValue(nullptr) : ConfigValue(o.average)}};
  if (std::string(class_name) == "FBetaScore") config.set("beta", o.beta);
  config.set("threshold", o.threshold ? ConfigValue(*o.threshold) : ConfigValue(nullptr));
  return Metric(class_name, name, std::move(config), Direction::max,
                [name, o] { return std::make_shared<FBetaDefinition>(name, o); });
}
}  // namespace

TruePositives::TruePositives(const CountOptions& o) : Metric(single_count("TruePositives", o, true_positives)) {}
FalsePositives::FalsePositives(const CountOptions& o) : Metric(single_count("FalsePositives", o, false_positives)) {}
TrueNegatives::TrueNegatives(const CountOptions& o) : Metric(single_count("TrueNegatives", o, true_negatives)) {}
FalseNegatives::FalseNegatives(const CountOptions& o) : Metric(single_count("FalseNegatives", o, false_negatives)) {}
Precision::Precision(const PrecisionOptions& o) : Metric(share("Precision", "precision", o, false_positives)) {}
Recall::Recall(const PrecisionOptions& o) : Metric(share("Recall", "recall", o, false_negatives)) {}
AUC::AUC(const AUCOptions& o) : Metric(auc(o)) {}
FBetaScore::FBetaScore(const FBetaOptions& o) : Metric(f_beta("FBetaScore", "fbeta_score", o)) {}
F1Score::F1Score(const F1Options& o)
    : Metric(f_beta("F1Score", "f1_score", {.average = o.average, .beta = 1.0, .threshold = o.threshold, .name = o.name})) {}

}  // namespace strata::metrics
