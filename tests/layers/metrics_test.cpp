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
      {[] { return Metric(SensitivityAtSpecificity(0.6)); },
       binary, {0.80000001}, {0.90697676}},
      {[] { return Metric(SensitivityAtSpecificity(0.6, {.num_thresholds = 1})); },
       binary, {0.40000001}, {0.41860464}},
      {[] { return Metric(SpecificityAtSensitivity(0.5, {.num_thresholds = 30})); },
       binary, {1}, {0.80000001}},
      {[] { return Metric(PrecisionAtRecall(0.4)); },
       binary, {1}, {0.78260869}},
      {[] { return Metric(RecallAtPrecision(0.6, {.class_id = 1})); },
       binary, {1}, {0.44444445}},
      {[] { return Metric(AUC({.num_thresholds = 20, .curve = "PRGAIN"})); },
       binary, {0.81717682}, {0.62297249}},
      {[] { return Metric(AUC({.multi_label = true})); },
       binary, {0.875}, {0.77539277}},
      {[] {
         return Metric(AUC({.curve = "pr", .multi_label = true, .num_labels = 4, .label_weights = {1, 2, 0.5, 1}}));
       },
       binary, {0.97747421}, {0.72887301}},
      {[] { return Metric(AUC({.num_thresholds = 10, .label_weights = {1, 2, 0.5, 1}})); },
       binary, {0.88235295}, {0.7994135}},
      {[] { return Metric(TruePositives({.thresholds = {0, 0.25, 0.5, 0.75, 1}})); },
       binary, {5, 4, 2, 0, 0}, {10.75, 9.75, 4.5, 2.5, 0}},
      {[] { return Metric(R2Score()); },
       numbers, {-0.498983}, {-0.30992132}},
      {[] { return Metric(R2Score({.class_aggregation = {}})); },
       numbers, {0.28096336, -1.2779851, -0.61429465, -0.38461554}, {0.33508527, -0.21378124, -0.67289579, -0.68809354}},
      {[] { return Metric(R2Score({.class_aggregation = "variance_weighted_average", .num_regressors = 2})); },
       numbers, {-0.97839797}, {-0.59125626}},
      {[] { return Metric(PearsonCorrelation()); },
       numbers, {0.13941719}, {-0.25655916}},
      {[] { return Metric(ConcordanceCorrelation()); },
       numbers, {0.060539026}, {-0.12016301}},
      {[] { return Metric(CategoricalCrossentropy({.label_smoothing = 0.1})); },
       one_hot, {1.0058371}, {1.1272827}},
      {[] { return Metric(SparseCategoricalCrossentropy({.ignore_class = 1})); },
       labels, {0.81891197}, {0.71697605}},
      {[] { return Metric(OneHotIoU(4, {0, 1})); },
       one_hot, {0.49999994}, {0.125}},
      {[] { return Metric(OneHotMeanIoU(4, {.dtype = "float32"})); },
       one_hot, {0.49999994}, {0.25326797}},
      {[] { return Metric(OneHotMeanIoU(4, {.ignore_class = 1})); },
       one_hot, {0.33333328}, {0.33333328}},
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

// From Keras 3.15.1, too.
TEST(Metrics, OverlapsOfLabels) {
  const auto overlap = [](const Metric& metric, const Tensor& y, const Tensor& p, const Tensor& w = {}) {
    Function({}, {}, metric.update(constant(y), constant(p), w.defined() ? constant(w) : Value()))({});
    return result_of(metric).item<float>();
  };
  const Tensor y = Tensor::from<std::int32_t>({6}, {0, 1, 2, 2, 1, 0}), p = Tensor::from<std::int32_t>({6}, {0, 2, 2, 2, 1, 1});
  EXPECT_NEAR(overlap(IoU(3, {0, 2}), y, p), 0.58333337, 1e-6);
  EXPECT_NEAR(overlap(MeanIoU(3, {.ignore_class = 1}), y, p), 0.5, 1e-6);
  EXPECT_NEAR(overlap(MeanIoU(3), y.with_shape({3, 2}), p.with_shape({3, 2})), 0.5, 1e-6);
  const Tensor four = Tensor::from<float>({4}, {0, 1, 2, 2}), guess = Tensor::from<float>({4}, {0, 2, 2, 1});
  const Tensor w = Tensor::from<float>({4}, {0.5f, 1.5f, 1, 0.25f});
  EXPECT_NEAR(overlap(MeanIoU(3, {.dtype = "float32"}), four, guess, w), 0.45454538, 1e-6);
  EXPECT_NEAR(overlap(MeanIoU(3), four, guess, w), 0.25, 1e-6);
  EXPECT_NEAR(overlap(BinaryIoU({.threshold = 0.3}), Tensor::from<float>({4}, {0, 1, 0, 1}),
                      Tensor::from<float>({4}, {0.1f, 0.2f, 0.4f, 0.7f})),
              0.33333334, 1e-6);
}

TEST(Metrics, SumsWeighWhatTheyAdd) {
  const metrics::Sum total;
  Function({}, {}, total.update(constant(Tensor::from<float>({2, 2}, {1, 2, 3, 4})), constant(Tensor::from<float>({2}, {0.5f, 2}))))({});
  EXPECT_EQ(result_of(total).item<float>(), 15.5f);
}

TEST(Metrics, AdjustedScoresNeedMoreDataThanRegressors) {
  const R2Score metric({.num_regressors = 30});
  Function({}, {}, metric.update(constant(numbers.rows(0, 3)), constant(predictions.rows(0, 3))))({});
  expect_near(result_of(metric), {-0.498983f});
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
  EXPECT_ERROR(SensitivityAtSpecificity(1.5), "`specificity` must be in the range [0, 1]");
  EXPECT_ERROR(AUC({.multi_label = true}).result(), "before the first update");
  EXPECT_ERROR(AUC({.num_labels = 3}), "`num_labels` is needed only when `multi_label` is True");
  EXPECT_ERROR(AUC({.label_weights = {1, 2}}).update(p, p), "predictions of 2 labels");
  EXPECT_ERROR(IoU(2, {2}), "Target class id 2 is out of range, which is [0, 2)");
  EXPECT_ERROR(MeanIoU(2, {.dtype = "float16"}), "received \"float16\"");
  EXPECT_ERROR(R2Score({.class_aggregation = "mean"}), "class_aggregation=mean");
  EXPECT_ERROR(R2Score().update(placeholder({32}), placeholder({32})), "(batch_size, output_dim)");
}

}  // namespace
}  // namespace strata
