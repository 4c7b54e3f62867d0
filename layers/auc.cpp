#include <algorithm>

#include "core/ops/ops.h"
#include "layers/confusion_counts.h"
#include "layers/loss_functions.h"
#include "layers/metric_registration.h"

namespace strata::metrics {

namespace {
/// Label weights come as a tensor from Keras: {"class_name": "__tensor__", "config": {"value": [...]}}.
constexpr auto label_weights_argument = [](auto& field, auto& weights) {
  ConfigValue given = weights.empty() ? ConfigValue(nullptr) : to_config(weights);
  field("label_weights", given);
  if constexpr (!std::is_const_v<std::remove_reference_t<decltype(weights)>>) {
    if (std::holds_alternative<Config>(given.variant())) given = given.as_config().at("config").as_config().at("value");
    weights.clear();
    if (!given.is_null()) from_config(given, weights);
  }
};
constexpr auto auc_arguments = [](auto& field, auto& o) {
  field("num_thresholds", o.num_thresholds);
  field("curve", o.curve);
  field("summation_method", o.summation_method);
  field("multi_label", o.multi_label);
  field("num_labels", o.num_labels);
  label_weights_argument(field, o.label_weights);
  field("from_logits", o.from_logits);
  field_if_set(field, "thresholds", o.thresholds);
};

/// Elements 0 to n - 2 of the first axis, and 1 to n - 1.
Value heads(const Value& v) { return slice(v, {0}, {-1}); }
Value tails(const Value& v) { return slice(v, {1}, {slice_end}); }

class AUCDefinition : public CountDefinition {
 public:
  AUCDefinition(const std::string& name, Selection selection, AUCOptions options)
      : CountDefinition(name, std::move(selection), {true_positives, false_positives, true_negatives, false_negatives},
                        options.num_labels.value_or(0)),
        options_(std::move(options)) {}

  Value result() const override {
    const Value tp = counted(0), fp = counted(1), tn = counted(2), fn = counted(3);
    using losses::divide_no_nan;
    if (options_.curve == "PR" && options_.summation_method == "interpolation")
      return over_labels(interpolated_pr(tp, fp, fn));
    const Value recall = divide_no_nan(tp, tp + fn);
    if (options_.curve == "PR") return over_labels(area(recall, divide_no_nan(tp, tp + fp)));
    if (options_.curve == "ROC") return over_labels(area(divide_no_nan(fp, fp + tn), recall));
    const Value odds = divide_no_nan(tp + fn, tn + fp), none = equal(tp, 0.0);
    const Value recall_gain = where(none, 0.0, 1.0 - odds * divide_no_nan(fn, tp));
    const Value precision_gain = where(none, 1.0, 1.0 - odds * divide_no_nan(fp, tp));
    return over_labels(area(maximum(recall_gain, 0.0), precision_gain));
  }

 protected:
  Value transformed(const Value& p) const override { return options_.from_logits ? sigmoid(p) : p; }

 private:
  Value area(const Value& x, const Value& y) const {
    const Value left = heads(y), right = tails(y);
    const Value height = options_.summation_method == "interpolation" ? (left + right) / 2.0
                         : options_.summation_method == "minoring"    ? minimum(left, right)
                                                                      : maximum(left, right);
    return sum((heads(x) - tails(x)) * height, {0});
  }
  /// Between two thresholds true positives grow linearly with the number of predicted positives p.
  static Value interpolated_pr(const Value& tp, const Value& fp, const Value& fn) {
    using losses::divide_no_nan;
    const Value p = tp + fp;
    const Value dtp = heads(tp) - tails(tp), dp = heads(p) - tails(p);
    const Value slope = divide_no_nan(dtp, maximum(dp, 0.0));
    const Value intercept = tails(tp) - slope * tails(p);
    const Value ratio =
        where(logical_and(heads(p) > 0.0, tails(p) > 0.0), divide_no_nan(heads(p), maximum(tails(p), 0.0)), 1.0);
    return sum(divide_no_nan(slope * (dtp + intercept * log(ratio)), maximum(tails(tp) + tails(fn), 0.0)), {0});
  }
  /// The mean of the labels' areas.
  Value over_labels(const Value& areas) const {
    if (!options_.multi_label) return areas;
    if (options_.label_weights.empty()) return mean(areas);
    const std::vector<float> shares(options_.label_weights.begin(), options_.label_weights.end());
    const Value weights = constant(Tensor::from<float>({static_cast<std::int64_t>(shares.size())}, shares));
    return losses::divide_no_nan(sum(areas * weights), sum(weights));
  }
  AUCOptions options_;
};

/// Evenly spaced, or those given; the ends lie just outside of [0, 1], so that they include everything and nothing.
std::vector<double> auc_thresholds(const AUCOptions& o) {
  if (o.thresholds.empty() && o.num_thresholds <= 1)
    fail_expected("AUC", "num_thresholds above 1", std::to_string(o.num_thresholds));
  std::vector<double> all = even_thresholds(o.num_thresholds);
  if (!o.thresholds.empty()) {
    all = checked_thresholds("AUC", o.thresholds, 0.5);
    std::sort(all.begin(), all.end());
    all.insert(all.begin(), 0.0);
    all.push_back(1.0);
  }
  all.front() = -1e-7;
  all.back() = 1.0 + 1e-7;
  return all;
}

/// The choice in Keras's spelling, which takes others, too ("roc", "Majoring").
void check_choice(const char* argument, std::string& given, const std::vector<std::string>& choices) {
  std::string list;
  for (const std::string& c : choices) {
    const bool same =
        given.size() == c.size() && std::equal(c.begin(), c.end(), given.begin(), [](char a, char b) {
          return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
        });
    if (same) {
      given = c;
      return;
    }
    list += (list.empty() ? "'" : ", '") + c + "'";
  }
  throw Error("AUC",
              std::string("Invalid value for argument `") + argument + "`: '" + given + "'. Valid values are: " + list);
}

Metric auc(AUCOptions o) {
  check_choice("curve", o.curve, {"ROC", "PR", "PRGAIN"});
  check_choice("summation_method", o.summation_method, {"interpolation", "minoring", "majoring"});
  if (o.num_labels && !o.multi_label) throw Error("AUC", "`num_labels` is needed only when `multi_label` is True.");
  if (o.num_labels && *o.num_labels < 1)
    fail_expected("AUC", "num_labels of at least 1", std::to_string(*o.num_labels));
  const std::string name = or_unique(o.name, "auc");
  Selection selection{auc_thresholds(o)};
  selection.by_label = o.multi_label;
  if (!o.multi_label) selection.label_weights = o.label_weights;
  o.num_thresholds = static_cast<std::int64_t>(selection.thresholds.size());
  return Metric("AUC", name, write_arguments(auc_arguments, o), Direction::max,
                [=] { return std::make_shared<AUCDefinition>(name, selection, o); });
}
}  // namespace

AUC::AUC(const AUCOptions& o) : Metric(auc(o)) {}

namespace {
[[maybe_unused]] const bool registered = register_built_in<AUC, AUCOptions>("AUC", auc_arguments);
}  // namespace

}  // namespace strata::metrics
