#include "layers/confusion_metrics.h"

#include "core/ops/ops.h"
#include "layers/confusion_counts.h"
#include "layers/loss_functions.h"
#include "layers/metric_registration.h"

namespace strata::metrics {

namespace {
constexpr double below_all = -1e10;  // Keras's threshold where the top k count whatever they are

constexpr auto thresholds_argument = [](auto& field, auto& o) { number_or_list(field, "thresholds", o.thresholds); };
constexpr auto share_arguments = [](auto& field, auto& o) {
  thresholds_argument(field, o);
  field("top_k", o.top_k);
  field("class_id", o.class_id);
};
/// What the searches along thresholds hold beside the value that they are named after.
constexpr auto search_arguments = [](auto& field, auto& o) {
  field("class_id", o.class_id);
  field("num_thresholds", o.num_thresholds);
};

/// The first kind's share in both.
class ShareDefinition : public CountDefinition {
 public:
  using CountDefinition::CountDefinition;
  Value result() const override {
    const Value first = counted(0);
    return over_thresholds(losses::divide_no_nan(first, first + counted(1)));
  }
};

Metric single_count(const char* class_name, const CountOptions& o, CountDefinition::Kind kind) {
  const std::string name = or_unique(o.name, kind.name);
  const Selection selection{checked_thresholds(class_name, o.thresholds, 0.5)};
  return Metric(class_name, name, write_arguments(thresholds_argument, o), Direction::unknown, [=] {
    return std::make_shared<CountDefinition>(name, selection, std::vector<CountDefinition::Kind>{kind});
  });
}

Metric share(const char* class_name, const char* stem, const PrecisionOptions& o, CountDefinition::Kind other) {
  if (o.top_k && *o.top_k < 1) fail_expected(class_name, "top_k of at least 1", std::to_string(*o.top_k));
  const std::string name = or_unique(o.name, stem);
  const Selection selection{checked_thresholds(class_name, o.thresholds, o.top_k ? below_all : 0.5), o.top_k,
                            o.class_id};
  return Metric(class_name, name, write_arguments(share_arguments, o), Direction::max, [=] {
    return std::make_shared<ShareDefinition>(name, selection,
                                             std::vector<CountDefinition::Kind>{true_positives, other});
  });
}

/// Quotients of counts by which thresholds are found.
enum class Rate { sensitivity, specificity, precision };

/// The largest of one rate over the thresholds at which the other is at least a value.
class SearchDefinition : public CountDefinition {
 public:
  SearchDefinition(const std::string& name, Selection selection, Rate bounded, double bound, Rate wanted)
      : CountDefinition(name, std::move(selection), {true_positives, false_positives, true_negatives, false_negatives}),
        bounded_(bounded),
        wanted_(wanted),
        bound_(bound) {}
  Value result() const override { return max(where(rate(bounded_) >= bound_, rate(wanted_), 0.0)); }

 private:
  Value rate(Rate r) const {
    const Value tp = counted(0), fp = counted(1), tn = counted(2), fn = counted(3);
    switch (r) {
      case Rate::sensitivity:
        return losses::divide_no_nan(tp, tp + fn);
      case Rate::specificity:
        return losses::divide_no_nan(tn, tn + fp);
      case Rate::precision:
        break;
    }
    return losses::divide_no_nan(tp, tp + fp);
  }
  Rate bounded_, wanted_;
  double bound_;
};

Metric search(const char* class_name, const char* argument, Rate bounded, double bound, Rate wanted,
              const SearchOptions& o) {
  if (!(bound >= 0 && bound <= 1))
    throw Error(class_name, "Argument `" + std::string(argument) +
                                "` must be in the range [0, 1]. Received: " + argument + "=" + std::to_string(bound));
  if (o.num_thresholds < 1)
    throw Error(class_name, "Argument `num_thresholds` must be an integer > 0. Received: num_thresholds=" +
                                std::to_string(o.num_thresholds));
  const std::string name = or_unique(o.name, snake_case(class_name).c_str());
  const Selection selection{
      o.num_thresholds == 1 ? std::vector<double>{0.5} : even_thresholds(o.num_thresholds), {}, o.class_id};
  Config config = write_arguments(search_arguments, o);
  config.set(argument, bound);
  return Metric(class_name, name, std::move(config), Direction::max,
                [=] { return std::make_shared<SearchDefinition>(name, selection, bounded, bound, wanted); });
}

template <class Made>
bool add_search(const char* class_name, const char* argument) {
  add_metric_class({.class_name = class_name,
                    .make = [=](const Config& config) -> Metric {
                      SearchOptions o;
                      double bound = 0;
                      const auto arguments = [argument](ArgumentReader& field, SearchOptions& options, double& value) {
                        common_arguments(field, options);
                        search_arguments(field, options);
                        field.required(argument, value);
                      };
                      read_arguments(losses::describe_config("metric", class_name, config), config, arguments, o,
                                     bound);
                      return Made(bound, o);
                    },
                    .module = "keras.metrics"});
  return true;
}
}  // namespace

TruePositives::TruePositives(const CountOptions& o) : Metric(single_count("TruePositives", o, true_positives)) {}
FalsePositives::FalsePositives(const CountOptions& o) : Metric(single_count("FalsePositives", o, false_positives)) {}
TrueNegatives::TrueNegatives(const CountOptions& o) : Metric(single_count("TrueNegatives", o, true_negatives)) {}
FalseNegatives::FalseNegatives(const CountOptions& o) : Metric(single_count("FalseNegatives", o, false_negatives)) {}
Precision::Precision(const PrecisionOptions& o) : Metric(share("Precision", "precision", o, false_positives)) {}
Recall::Recall(const PrecisionOptions& o) : Metric(share("Recall", "recall", o, false_negatives)) {}
SensitivityAtSpecificity::SensitivityAtSpecificity(double specificity, const SearchOptions& o)
    : Metric(search("SensitivityAtSpecificity", "specificity", Rate::specificity, specificity, Rate::sensitivity, o)) {}
SpecificityAtSensitivity::SpecificityAtSensitivity(double sensitivity, const SearchOptions& o)
    : Metric(search("SpecificityAtSensitivity", "sensitivity", Rate::sensitivity, sensitivity, Rate::specificity, o)) {}
PrecisionAtRecall::PrecisionAtRecall(double recall, const SearchOptions& o)
    : Metric(search("PrecisionAtRecall", "recall", Rate::sensitivity, recall, Rate::precision, o)) {}
RecallAtPrecision::RecallAtPrecision(double precision, const SearchOptions& o)
    : Metric(search("RecallAtPrecision", "precision", Rate::precision, precision, Rate::sensitivity, o)) {}

namespace {
[[maybe_unused]] const bool registered =
    register_built_in<TruePositives, CountOptions>("TruePositives", thresholds_argument) &&
    register_built_in<FalsePositives, CountOptions>("FalsePositives", thresholds_argument) &&
    register_built_in<TrueNegatives, CountOptions>("TrueNegatives", thresholds_argument) &&
    register_built_in<FalseNegatives, CountOptions>("FalseNegatives", thresholds_argument) &&
    register_built_in<Precision, PrecisionOptions>("Precision", share_arguments) &&
    register_built_in<Recall, PrecisionOptions>("Recall", share_arguments) &&
    add_search<SensitivityAtSpecificity>("SensitivityAtSpecificity", "specificity") &&
    add_search<SpecificityAtSensitivity>("SpecificityAtSensitivity", "sensitivity") &&
    add_search<PrecisionAtRecall>("PrecisionAtRecall", "recall") &&
    add_search<RecallAtPrecision>("RecallAtPrecision", "precision");
}  // namespace

}  // namespace strata::metrics
