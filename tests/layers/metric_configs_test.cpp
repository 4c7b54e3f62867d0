#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/json.h"
#include "core/compile/function.h"
#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "layers/metrics.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace metrics;

Metric read(const std::string& json) {
  Metric metric = "mse";
  from_config(parse_json(json, "test"), metric);
  return metric;
}

TEST(MetricConfigs, EveryMetricComesBack) {
  const std::vector<Metric> all{
      metrics::Mean(),
      metrics::Sum(),
      Accuracy(),
      BinaryAccuracy({.threshold = 0.25}),
      CategoricalAccuracy(),
      SparseCategoricalAccuracy(),
      TopKCategoricalAccuracy({.k = 3}),
      SparseTopKCategoricalAccuracy({.k = 2, .name = "top"}),
      MeanSquaredError(),
      RootMeanSquaredError(),
      MeanAbsoluteError(),
      MeanAbsolutePercentageError(),
      MeanSquaredLogarithmicError(),
      LogCoshError(),
      Hinge(),
      SquaredHinge(),
      CategoricalHinge(),
      KLDivergence(),
      Poisson(),
      CosineSimilarity({.axis = 1}),
      BinaryCrossentropy({.from_logits = true, .label_smoothing = 0.5}),
      CategoricalCrossentropy({.axis = 1}),
      SparseCategoricalCrossentropy({.from_logits = true, .ignore_class = 3}),
      TruePositives({.thresholds = {0.25, 0.5}}),
      FalsePositives(),
      TrueNegatives(),
      FalseNegatives({.thresholds = {0.75}}),
      Precision({.top_k = 2, .class_id = 1}),
      Recall({.thresholds = {0.5}}),
      SensitivityAtSpecificity(0.5, {.class_id = 2}),
      SpecificityAtSensitivity(0.25),
      PrecisionAtRecall(0.5, {.num_thresholds = 10}),
      RecallAtPrecision(0.75),
      AUC(),
      AUC({.curve = "PR", .thresholds = {0.25, 0.5}}),
      AUC({.multi_label = true, .num_labels = 2, .label_weights = {1, 0.5}, .from_logits = true}),
      F1Score({.average = "macro", .threshold = 0.5}),
      FBetaScore({.beta = 2}),
      IoU(3, {0, 2}, {.ignore_class = 1}),
      MeanIoU(3, {.sparse_y_pred = false}),
      OneHotIoU(3, {1}),
      OneHotMeanIoU(3, {.axis = 1, .dtype = "float32"}),
      BinaryIoU({.threshold = 0.25}),
      R2Score({.class_aggregation = {}, .num_regressors = 2}),
      PearsonCorrelation(),
      ConcordanceCorrelation({.axis = 1})};
  std::vector<std::string> seen;
  for (const Metric& metric : all) {
    const ConfigValue saved = to_config(metric);
    SCOPED_TRACE(to_json(saved));
    Metric again = "mse";
    from_config(saved, again);
    EXPECT_EQ(to_config(again), saved);
    EXPECT_EQ(again.name(), metric.name());
    EXPECT_EQ(again.direction(), metric.direction());
    seen.push_back(metric.class_name());
  }
  for (const std::string& name : metric_names())
    EXPECT_NE(std::find(seen.begin(), seen.end(), name), seen.end()) << name << " is not tried above";
}

// As Keras 3.15.1 writes them.
TEST(MetricConfigs, AreKeras) {
  reset_names();
  EXPECT_EQ(
      to_json(to_config(Precision())),
      R"({"module": "keras.metrics", "class_name": "Precision", "config": {"name": "precision", "dtype": "float32", )"
      R"("thresholds": null, "top_k": null, "class_id": null}, "registered_name": null})");
  EXPECT_EQ(to_json(to_config(AUC({.thresholds = {0.25, 0.5}}))),
            R"({"module": "keras.metrics", "class_name": "AUC", "config": {"name": "auc", "dtype": "float32", )"
            R"("num_thresholds": 4, "curve": "ROC", "summation_method": "interpolation", "multi_label": false, )"
            R"("num_labels": null, "label_weights": null, "from_logits": false, "thresholds": [0.25, 0.5]}, )"
            R"("registered_name": null})");
  EXPECT_EQ(
      to_json(Metric(RecallAtPrecision(0.5)).config()),
      R"({"name": "recall_at_precision", "dtype": "float32", "class_id": null, "num_thresholds": 200, "precision": 0.5})");
  EXPECT_EQ(to_json(Metric(IoU(3, {0, 1})).config()),
            R"({"name": "io_u", "dtype": "int64", "num_classes": 3, "target_class_ids": [0, 1], "ignore_class": null, )"
            R"("sparse_y_true": true, "sparse_y_pred": true, "axis": -1})");
  EXPECT_EQ(to_json(Metric(TruePositives({.thresholds = {0.5}})).config().at("thresholds")), "0.5");
}

TEST(MetricConfigs, InOtherSpellings) {
  EXPECT_EQ(read(R"("mae")").name(), "mae");
  // Keras 2.15, and Keras 3 for a function that was given.
  const Metric wrapped =
      read(R"({"class_name": "MeanMetricWrapper", "config": {"name": "accuracy", "dtype": "float32", )"
           R"("fn": "categorical_accuracy"}})");
  EXPECT_EQ(wrapped.class_name(), "CategoricalAccuracy");
  EXPECT_EQ(wrapped.name(), "accuracy");
  EXPECT_EQ(
      read(R"({"class_name": "MeanMetricWrapper", "config": {"name": "x", "dtype": "float32", "fn": {"module": )"
           R"("builtins", "class_name": "function", "config": "binary_accuracy", "registered_name": "function"}, )"
           R"("threshold": 0.25}})")
          .config()
          .at("threshold")
          .as_double(),
      0.25);
  EXPECT_EQ(read(R"({"module": "builtins", "class_name": "function", "config": "mean_squared_error", )"
                 R"("registered_name": "function"})")
                .class_name(),
            "MeanSquaredError");
  const Metric weighted =
      read(R"({"class_name": "AUC", "config": {"multi_label": true, "label_weights": {"class_name": )"
           R"("__tensor__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}}})");
  EXPECT_EQ(weighted.config().at("label_weights").as_list().size(), 2u);
  EXPECT_EQ(read(R"({"class_name": "Mean", "config": {"name": "m", "dtype": {"module": "keras", "class_name": )"
                 R"("DTypePolicy", "config": {"name": "float32"}, "registered_name": null}}})")
                .name(),
            "m");
}

TEST(MetricConfigs, TheAccuracyThatShapesChooseIsAName) {
  EXPECT_EQ(to_json(to_config(Metric("acc"))), R"("acc")");
  EXPECT_EQ(read(R"("acc")").name(), "acc");
}

struct Largest : Definition {
  Variable seen = add_state("largest");
  Updates update(const Value& values, const Value&, const Value&) override {
    return {{seen, maximum(pending(seen), max(values))}};
  }
  Value result() const override { return seen; }
};

TEST(MetricConfigs, OnesOwnAreRegistered) {
  const Metric within =
      metrics::make("close", [](Value y, Value p) { return mean(cast(abs(y - p) < 0.5f, DType::f32), {-1}); });
  EXPECT_ERROR(to_config(within), "register_metric(\"close\", ...)");
  register_metric("close", within);
  EXPECT_EQ(
      to_json(to_config(within)),
      R"({"module": "builtins", "class_name": "function", "config": "Custom>close", "registered_name": "function"})");
  EXPECT_EQ(read(to_json(to_config(within))).name(), "close");

  const Metric largest = metrics::make<Largest>("largest");
  EXPECT_ERROR(to_config(largest), "register_metric(\"largest\", ...)");
  register_metric("largest", largest);
  EXPECT_EQ(to_json(to_config(largest)),
            R"({"module": null, "class_name": "largest", "config": {"name": "largest", "dtype": "float32"}, )"
            R"("registered_name": "Custom>largest"})");
  const Metric again = read(to_json(to_config(largest)));
  Function({}, {}, again.update(constant(Tensor::from<float>({2}, {3, 1})), {}))({});
  EXPECT_EQ(Function({}, {again.result()})({})[0].item<float>(), 3.0f);
  EXPECT_EQ(Function({}, {largest.result()})({})[0].item<float>(), 0.0f);
  EXPECT_ERROR(register_metric("smallest", largest), "the metric's own name, 'largest'");
  EXPECT_ERROR(register_metric("auc", metrics::make<Largest>("auc")), "built-in class AUC");
}

TEST(MetricConfigs, Errors) {
  EXPECT_ERROR(read(R"({"class_name": "Gini", "config": {}})"), "Unknown metric 'Gini': register it before loading");
  EXPECT_ERROR(read(R"({"class_name": "MeanMetricWrapper", "config": {"name": "x", "fn": "gini"}})"),
               "Unknown metric 'gini'");
  EXPECT_ERROR(read(R"({"class_name": "MeanIoU", "config": {"name": "m"}})"), "lacks the argument `num_classes`");
  EXPECT_ERROR(read(R"({"class_name": "Mean", "config": {"name": "m", "dtype": "float16"}})"),
               "only float32 is supported");
  EXPECT_ERROR(read(R"({"class_name": "AUC", "config": {"curves": "PR"}})"),
               "Unrecognized keyword arguments: {'curves': \"PR\"}");
}

}  // namespace
}  // namespace strata
