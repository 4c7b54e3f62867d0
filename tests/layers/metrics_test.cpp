#include "layers/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/compile/function.h"
#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using namespace metrics;

using Floats = std::vector<float>;

const Shape shape{6, 4};
const Tensor predictions = Tensor::from<float>(
    shape, {.1f, .7f, .15f, .05f, .6f, .3f, .3f, .2f, .25f, .25f, .1f, .4f,
            .9f, .02f, .03f, .05f, .2f, .55f, .85f, .4f, .05f, .45f, .35f, .95f});
const Tensor binary = Tensor::from<float>(shape, {0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0});
const Tensor labels = Tensor::from<std::int32_t>({6}, {1, 2, 3, 0, 1, 1});
const Tensor one_hot = Tensor::from<float>(shape, {0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0});
const Tensor numbers = Tensor::from<float>(
    shape, {.5f, -1, 2, .25f, 1, .1f, -.3f, .4f, -.2f, .6f, .8f, 1.5f, 2, -.7f, .3f, .1f, .4f, .9f, -1.2f, .6f, .3f, .2f, .1f, -.5f});
const Tensor weights = Tensor::from<float>({3}, {.5f, 2, 1.25f});

struct Case {
  std::function<Metric()> make;
  Tensor y_true;
  Floats first;   // after rows 0 to 2, without weights
  Floats second;  // then rows 3 to 5, with weights
};

// From Keras 3.15.1.
std::vector<Case> cases() {
  return {
      {[] { return Metric(BinaryAccuracy()); },
       binary, {0.75}, {0.64814812}},
      {[] { return Metric(BinaryAccuracy({.threshold = 0.3})); },
       binary, {0.83333331}, {0.75925928}},
      {[] { return Metric(CategoricalAccuracy()); },
       one_hot, {0.66666669}, {0.37037036}},
      {[] { return Metric(SparseCategoricalAccuracy()); },
       labels, {0.66666669}, {0.37037036}},
      {[] { return Metric(TopKCategoricalAccuracy({.k = 2})); },
       one_hot, {1}, {1}},
      {[] { return Metric(SparseTopKCategoricalAccuracy({.k = 2})); },
       labels, {1}, {1}},
      {[] { return Metric(MeanSquaredError()); },
       numbers, {0.7614584}, {0.80414456}},
      {[] { return Metric(RootMeanSquaredError()); },
       numbers, {0.87261581}, {0.89674109}},
      {[] { return Metric(MeanAbsoluteError()); },
       numbers, {0.67916662}, {0.65074074}},
      {[] { return Metric(MeanAbsolutePercentageError()); },
       numbers, {113.05555}, {112.11567}},
      {[] { return Metric(MeanSquaredLogarithmicError()); },
       numbers, {0.1822757}, {0.14647043}},
      {[] { return Metric(CosineSimilarity()); },
       numbers, {0.43830451}, {0.14124522}},
      {[] { return Metric(LogCoshError()); },
       numbers, {0.29198796}, {0.29530865}},
      {[] { return Metric(Hinge()); },
       binary, {0.93333334}, {0.96018517}},
      {[] { return Metric(SquaredHinge()); },
       binary, {0.98333329}, {1.1349778}},
      {[] { return Metric(CategoricalHinge()); },
       one_hot, {0.86666662}, {1.0592593}},
      {[] { return Metric(KLDivergence()); },
       one_hot, {0.82564187}, {0.6997627}},
      {[] { return Metric(Poisson()); },
       one_hot, {0.48974481}, {0.55086762}},
      {[] { return Metric(BinaryCrossentropy()); },
       binary, {0.56372541}, {0.6079511}},
      {[] { return Metric(CategoricalCrossentropy()); },
       one_hot, {0.93780357}, {1.0638411}},
      {[] { return Metric(SparseCategoricalCrossentropy()); },
       labels, {0.93780357}, {1.0638411}},
      {[] { return Metric(BinaryCrossentropy({.from_logits = true, .label_smoothing = 0.1})); },
       binary, {0.67755228}, {0.70148128}},
      {[] { return Metric(TruePositives()); },
       binary, {2}, {4.5}},
      {[] { return Metric(FalsePositives()); },
       binary, {0}, {3.25}},
      {[] { return Metric(TrueNegatives()); },
       binary, {7}, {13}},
      {[] { return Metric(FalseNegatives()); },
       binary, {3}, {6.25}},
      {[] { return Metric(TruePositives({.thresholds = {0.1, 0.5, 0.8}})); },
       binary, {4, 2, 0}, {9.75, 4.5, 2.5}},
      {[] { return Metric(Precision()); },
       binary, {1}, {0.58064514}},
      {[] { return Metric(Recall()); },
       binary, {0.40000001}, {0.41860464}},
      {[] { return Metric(Precision({.thresholds = {0.2, 0.6}})); },
       binary, {0.5714286, 1}, {0.56521738, 0.7368421}},
      {[] { return Metric(Recall({.top_k = 2})); },
       binary, {0.60000002}, {0.62790698}},
      {[] { return Metric(Precision({.top_k = 2, .class_id = 1})); },
       binary, {0.5}, {0.42857143}},
      {[] { return Metric(Precision({.class_id = 2})); },
       binary, {0}, {1}},
      {[] { return Metric(AUC()); },
       binary, {0.82857144}, {0.79141325}},
      {[] { return Metric(AUC({.num_thresholds = 20, .curve = "PR"})); },
       binary, {0.86659026}, {0.60758144}},
      {[] { return Metric(AUC({.num_thresholds = 20, .summation_method = "minoring"})); },
       binary, {0.80000001}, {0.78568864}},
      {[] { return Metric(AUC({.num_thresholds = 20, .curve = "PR", .summation_method = "majoring"})); },
       binary, {0.89090908}, {0.66088331}},
      {[] { return Metric(AUC({.thresholds = {0.3, 0.5, 0.7}})); },
       binary, {0.80000001}, {0.75223613}},
      {[] { return Metric(AUC({.from_logits = true})); },
       binary, {0.82857144}, {0.79141325}},
      {[] { return Metric(F1Score()); },
       one_hot, {0, 0.99999982, 0, 0.99999982}, {0.49999991, 0.38095233, 0, 0.61538452}},
      {[] { return Metric(F1Score({.average = "macro"})); },
       binary, {0.74999988}, {0.66575086}},
      {[] { return Metric(F1Score({.average = "weighted", .threshold = 0.3})); },
       binary, {0.5999999}, {0.72068346}},
      {[] { return Metric(FBetaScore({.average = "micro", .beta = 0.5})); },
       binary, {0.88235283}, {0.7284767}},
  };
}

Function updating(const Metric& metric, const Type& y, bool weighted) {
  const Value y_true = placeholder(y.shape, y.dtype), y_pred = placeholder({3, 4}), w = placeholder({3});
  if (weighted) return Function({y_true, y_pred, w}, {}, metric.update(y_true, y_pred, w));
  return Function({y_true, y_pred}, {}, metric.update(y_true, y_pred));
}

Tensor result_of(const Metric& metric) { return Function({}, {metric.result()})({})[0]; }

void expect_near(const Tensor& got, const Floats& expected) {
  ASSERT_EQ(got.size(), static_cast<std::int64_t>(expected.size())) << to_string(got);
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got.at<float>(static_cast<std::int64_t>(i)), expected[i], 2e-6f * std::max(1.0f, std::abs(expected[i])));
}

TEST(Metrics, AgreeWithKeras) {
  for (const Case& c : cases()) {
    const Metric metric = c.make();
    SCOPED_TRACE(metric.class_name());
    const Type y = c.y_true.rows(0, 3).type();
    const Function plain = updating(metric, y, false), weighted = updating(metric, y, true);
    plain({c.y_true.rows(0, 3), predictions.rows(0, 3)});
    expect_near(result_of(metric), c.first);
    weighted({c.y_true.rows(3, 6), predictions.rows(3, 6), weights});
    expect_near(result_of(metric), c.second);
    metric.reset();
    plain({c.y_true.rows(0, 3), predictions.rows(0, 3)});
    expect_near(result_of(metric), c.first);
  }
}

TEST(Metrics, AccuracyCountsEqualElements) {
  const Accuracy metric;
  const Value p = constant(Tensor::from<float>({2, 2}, {1, 2, 3, 4})), y = constant(Tensor::from<std::int32_t>({2, 2}, {1, 2, 3, 0}));
  Function({}, {}, metric.update(y, p))({});
  expect_near(result_of(metric), {0.75f});
}

TEST(Metrics, AccuracyIsResolvedByShapes) {
  const auto accuracy = [](const Tensor& y, const Tensor& p) {
    const Metric metric = "accuracy";
    Function({}, {}, metric.update(constant(y), constant(p)))({});
    return result_of(metric).item<float>();
  };
  EXPECT_NEAR(accuracy(labels, predictions), 3.0f / 6, 1e-6);
  EXPECT_NEAR(accuracy(labels.with_shape({6, 1}), predictions), 3.0f / 6, 1e-6);
  EXPECT_NEAR(accuracy(one_hot, predictions), 3.0f / 6, 1e-6);
  const Tensor one = Tensor::from<float>({4, 1}, {0.2f, 0.7f, 0.6f, 0.4f});
  EXPECT_EQ(accuracy(Tensor::from<std::uint8_t>({4}, {0, 1, 0, 1}), one), 0.5f);
}

TEST(Metrics, TheMeanOfScalarsWeightedByTheBatchSize) {
  const metrics::Mean loss({.name = "loss"});
  const Value value = placeholder({}), size = placeholder({});
  const Function f({value, size}, {}, loss.update(value, size));
  f({Tensor::scalar(2.0f), Tensor::scalar(128.0f)});
  f({Tensor::scalar(1.0f), Tensor::scalar(64.0f)});
  EXPECT_NEAR(result_of(loss).item<float>(), 320.0f / 192, 1e-6);
}

TEST(Metrics, TwoUpdatesOfOneStepAddUp) {
  const metrics::Mean average;
  Updates both = average.update(constant(3.0));
  for (const Update& u : average.update(constant(6.0))) both.push_back(u);
  Function({}, {}, both)({});
  EXPECT_EQ(result_of(average).item<float>(), 4.5f);
}

TEST(Metrics, ClonesHaveAStateOfTheirOwn) {
  const Metric one = MeanSquaredError(), two = one.clone();
  const Value p = constant(Tensor::from<float>({1, 1}, {3}));
  Function({}, {}, one.update(zeros_like(p), p))({});
  EXPECT_EQ(result_of(one).item<float>(), 9.0f);
  EXPECT_EQ(result_of(two).item<float>(), 0.0f);
}

TEST(Metrics, OfOnesOwn) {
  const Metric within =
      metrics::make("within", [](Value y, Value p) { return mean(cast(abs(y - p) < 0.1f, DType::f32), {-1}); });
  const Value p = constant(Tensor::from<float>({4, 1}, {0, 1, 2, 3}));
  Function({}, {}, within.update(constant(Tensor::from<float>({4}, {0.05f, 1.5f, 2, 2.95f})), p))({});
  EXPECT_EQ(within.name(), "within");
  EXPECT_EQ(result_of(within).item<float>(), 0.75f);
}

TEST(Metrics, IdentifiersNamesAndDirections) {
  reset_names();
  for (const char* name : {"mse", "MSE", "acc", "AUC", "binary_accuracy", "F1Score", "KLDivergence", "RootMeanSquaredError"})
    EXPECT_EQ(Metric(name).name(), name);
  EXPECT_EQ(Metric("MSE").class_name(), "MeanSquaredError");
  EXPECT_EQ(Metric("mae").direction(), Direction::min);
  EXPECT_EQ(Metric("accuracy").direction(), Direction::max);
  EXPECT_EQ(Metric(Precision()).direction(), Direction::max);
  reset_names();
  EXPECT_EQ(AUC().name(), "auc");
  EXPECT_EQ(AUC().name(), "auc_1");
  EXPECT_EQ(TopKCategoricalAccuracy().config().at("k").as_int(), 5);
  EXPECT_EQ(AUC().config().at("num_thresholds").as_int(), 200);
}

TEST(Metrics, Errors) {
  const Value p = placeholder({32, 10});
  for (const char* unknown : {"foo", "kld", "ce", "crossentropy"})
    EXPECT_ERROR(Metric(unknown), std::string("Could not interpret metric identifier: ") + unknown);
  EXPECT_ERROR(MeanSquaredError().update(placeholder({32, 9}), p), "metric 'mean_squared_error'");
  EXPECT_ERROR(SparseCategoricalAccuracy().update(placeholder({31}), p), "labels of shape (32,)");
  EXPECT_ERROR(Precision({.thresholds = {1.5}}), "Threshold values must be in [0, 1]");
  EXPECT_ERROR(Precision({.class_id = 10}).update(p, p), "class_id within the 10 classes");
  EXPECT_ERROR(AUC({.curve = "ROCK"}), "Invalid value for argument `curve`");
  EXPECT_ERROR(F1Score({.average = "mean"}), "average=mean");
  EXPECT_ERROR(F1Score().result(), "before the first update");
  EXPECT_ERROR(BinaryAccuracy({.threshold = 1.0}), "`threshold`");
  EXPECT_ERROR(Recall().update(p, p, placeholder({7})), "sample_weight");
}

}  // namespace
}  // namespace strata
