#include "layers/losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/compile/function.h"
#include "core/graph/context.h"
#include "core/graph/gradients.h"
#include "core/ops/ops.h"
#include "tests/layers/loss_goldens.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
using testing::LossGolden;

Tensor tensor(const Shape& shape, const std::vector<float>& values) { return Tensor::from<float>(shape, values); }

Value weights_of(const LossGolden& g) {
  if (g.weights.size() == 1) return constant(tensor({}, g.weights));
  return constant(tensor(g.shape.slice(0, g.shape.rank() - 1), g.weights));
}

Tensor computed(const Value& v) { return Function({}, {v})({})[0]; }

void expect_near(const Tensor& got, const std::vector<float>& expected, double tolerance = 2e-5) {
  ASSERT_EQ(got.size(), static_cast<std::int64_t>(expected.size())) << to_string(got);
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got.at<double>(static_cast<std::int64_t>(i)), expected[i],
                tolerance * std::max(1.0, std::abs(static_cast<double>(expected[i]))))
        << "element " << i;
}

TEST(Losses, AgreeWithKeras) {
  for (const LossGolden& g : testing::loss_goldens()) {
    SCOPED_TRACE(g.loss.class_name() + " " + to_string(g.shape));
    const Value y = constant(tensor(g.label_shape, g.y_true)), p = constant(tensor(g.shape, g.y_pred));
    const Value w = weights_of(g);
    expect_near(computed(g.loss(y, p)), {g.plain});
    const Value weighted = g.loss(y, p, w);
    expect_near(computed(weighted), {g.weighted});
    expect_near(computed(gradients(weighted, {p})[0]), g.gradient);
    // What is ignored makes "none" differ from the values by the mask alone, which is in the values already.
    expect_near(computed(g.loss.per_sample(y, p)), g.per_sample);
  }
}

TEST(Losses, ReductionsAgreeWithKeras) {
  int tried = 0;
  for (const LossGolden& g : testing::loss_goldens()) {
    if (!g.weighted_sum) continue;
    ++tried;
    const Value y = constant(tensor(g.label_shape, g.y_true)), p = constant(tensor(g.shape, g.y_pred));
    const Value w = weights_of(g);
    const auto reduced = [&](const std::string& reduction) {
      const auto same = [&](Value a, Value b) { return g.loss.per_sample(a, b); };
      return computed(losses::make("copy", same, reduction)(y, p, w));
    };
    expect_near(reduced("sum"), {*g.weighted_sum});
    expect_near(reduced("mean_with_sample_weight"), {*g.weighted_mean});
    expect_near(reduced("mean"), {g.weighted});
    EXPECT_EQ(reduced("none").size(), static_cast<std::int64_t>(g.per_sample.size()));
  }
  EXPECT_GE(tried, 5);
}

TEST(Losses, CrossEntropiesWorkFromTheLogitsOfTheActivation) {
  // The probabilities round to 0 and 1, from which nothing could be learned.
  const Value x = constant(tensor({2, 3}, {200, 0, -200, -100, 100, 0}));
  const Value labels = constant(Tensor::from<std::int64_t>({2}, {1, 0}));
  const Value one_hot = constant(tensor({2, 3}, {0, 1, 0, 1, 0, 0}));
  expect_near(computed(losses::SparseCategoricalCrossentropy()(labels, softmax(x))), {200});
  expect_near(computed(losses::CategoricalCrossentropy()(one_hot, identity(softmax(x)))), {200});
  const Value z = constant(tensor({2, 1}, {100, -50}));
  expect_near(computed(losses::BinaryCrossentropy()(constant(tensor({2, 1}, {0, 1})), sigmoid(z))), {75});

  CallScope scope("layer", Mode::train, true);
  add_loss(constant(1.0));
  const Value behind_effects = scope.attach({softmax(x)})[0];
  expect_near(computed(losses::SparseCategoricalCrossentropy()(labels, behind_effects)), {200});
}

TEST(Losses, LabelsOfAnyIntegerTypeAndRank) {
  const Value p = constant(tensor({2, 3}, {0.2f, 0.3f, 0.5f, 0.6f, 0.1f, 0.3f}));
  const losses::SparseCategoricalCrossentropy loss;
  const std::vector<float> expected{static_cast<float>(-(std::log(0.5) + std::log(0.6)) / 2)};
  expect_near(computed(loss(constant(Tensor::from<std::uint8_t>({2}, {2, 0})), p)), expected);
  expect_near(computed(loss(constant(Tensor::from<std::int32_t>({2, 1}, {2, 0})), p)), expected);
  expect_near(computed(loss(constant(tensor({2}, {2, 0})), p)), expected);
}

TEST(Losses, ClassesOnAnotherAxis) {
  const Value p = constant(tensor({1, 2, 3}, {1, 2, 3, 4, 5, 7})), swapped = transpose(p, {0, 2, 1});
  const Value labels = constant(Tensor::from<std::int64_t>({1, 3}, {0, 1, 1}));
  const Value one_hot = constant(tensor({1, 2, 3}, {1, 0, 0, 0, 1, 1}));
  const losses::SparseCategoricalCrossentropy middle({.from_logits = true, .axis = 1}), last({.from_logits = true});
  EXPECT_EQ(computed(middle(labels, p)).item<float>(), computed(last(labels, swapped)).item<float>());
  const losses::CategoricalCrossentropy dense({.from_logits = true, .axis = 1});
  EXPECT_NEAR(computed(dense(one_hot, p)).item<float>(), computed(middle(labels, p)).item<float>(), 1e-6);
}

TEST(Losses, RanksAreReconciled) {
  const Value p = constant(tensor({3, 1}, {1, 2, 3}));
  EXPECT_EQ(computed(losses::MeanSquaredError()(constant(tensor({3}, {1, 1, 1})), p)).item<float>(), 5.0f / 3);
  EXPECT_EQ(computed(losses::MeanSquaredError()(constant(Tensor::from<std::int64_t>({3, 1}, {1, 1, 1})), p)).item<float>(),
            5.0f / 3);
}

TEST(Losses, IgnoredClassesDoNotCount) {
  const Value p = constant(tensor({3, 2}, {0.5f, 0.5f, 0.9f, 0.1f, 0.25f, 0.75f}));
  const Value labels = constant(Tensor::from<std::uint8_t>({3}, {0, 255, 1}));
  const losses::SparseCategoricalCrossentropy loss({.ignore_class = 255});
  expect_near(computed(loss(labels, p)), {static_cast<float>(-(std::log(0.5) + std::log(0.75)) / 2)});
}

TEST(Losses, WhereNothingCountsTheLossIsZero) {
  const Value p = constant(tensor({2, 2}, {0.5f, 0.5f, 0.9f, 0.1f}));
  const Value labels = constant(Tensor::from<std::int64_t>({2}, {7, 7}));
  EXPECT_EQ(computed(losses::SparseCategoricalCrossentropy({.ignore_class = 7})(labels, p)).item<float>(), 0.0f);
}

TEST(Losses, OverlapsAlongAxes) {
  const Value y = constant(tensor({2, 2}, {1, 0, 1, 1})), p = constant(tensor({2, 2}, {0.5f, 0.5f, 1, 0}));
  expect_near(computed(losses::Dice({.axis = 1}).per_sample(y, p)), {0.5f, static_cast<float>(1 - 2.0 / 3)});
  expect_near(computed(losses::Tversky({.axis = {{0, 1}}}).per_sample(y, p)), {static_cast<float>(1 - 1.5 / 2.5)});
}

TEST(Losses, FocalWeightsOfClasses) {
  const Value y = constant(tensor({1, 2}, {1, 0})), z = constant(tensor({1, 2}, {0.5f, -1}));
  const losses::BinaryFocalCrossentropy balanced({.apply_class_balancing = true, .alpha = 0.75, .gamma = 0, .from_logits = true});
  const double expected = (0.75 * std::log(1 + std::exp(-0.5)) + 0.25 * std::log(1 + std::exp(-1.0))) / 2;
  expect_near(computed(balanced(y, z)), {static_cast<float>(expected)});
}

TEST(Losses, OfOnesOwn) {
  const Loss asymmetric = losses::make(
      "asymmetric", [](Value y, Value p) { return mean(where(p > y, p - y, 3.0f * (y - p)), {-1}); });
  EXPECT_EQ(asymmetric.name(), "asymmetric");
  const Value p = constant(tensor({2, 1}, {1, -1}));
  EXPECT_EQ(computed(asymmetric(zeros_like(p), p)).item<float>(), 2.0f);
}

TEST(Losses, Identifiers) {
  EXPECT_EQ(Loss("mse").class_name(), "MeanSquaredError");
  EXPECT_EQ(Loss("MAE").class_name(), "MeanAbsoluteError");
  EXPECT_EQ(Loss("sparse_categorical_crossentropy").class_name(), "SparseCategoricalCrossentropy");
  EXPECT_EQ(Loss("KLDivergence").name(), "kl_divergence");
  EXPECT_EQ(Loss("huber").name(), "huber_loss");
  EXPECT_EQ(Loss("kld").class_name(), "KLDivergence");
  EXPECT_EQ(Loss(losses::Huber({.delta = 0.5})).config().at("delta").as_double(), 0.5);
  const Value p = constant(tensor({2, 2}, {0.5f, 0.5f, 0.5f, 0.5f}));
  EXPECT_NEAR(computed(Loss("crossentropy")(constant(Tensor::from<std::int64_t>({2}, {0, 1})), p)).item<float>(),
              std::log(2.0), 1e-6);
}

TEST(Losses, Errors) {
  const Value p = placeholder({32, 10}), labels = placeholder({32}, DType::i64);
  EXPECT_ERROR(Loss("foo"), "Could not interpret loss identifier: foo");
  EXPECT_ERROR(losses::MeanSquaredError()(placeholder({32, 9}), p), "loss 'mean_squared_error'");
  EXPECT_ERROR(losses::CategoricalCrossentropy()(labels, p), "target.shape=(32,), output.shape=(32, 10)");
  EXPECT_ERROR(losses::SparseCategoricalCrossentropy()(placeholder({32, 10}), p), "labels of shape (32,)");
  EXPECT_ERROR(losses::MeanSquaredError({.reduction = "average"}), "Received: reduction=average");
  EXPECT_ERROR(losses::MeanSquaredError()(p, p, placeholder({5})), "sample_weight");
  EXPECT_ERROR(losses::MeanSquaredError()(labels, labels), "floating type");
  EXPECT_ERROR(losses::CategoricalGeneralizedCrossEntropy({.q = 1.0}), "q in the interval (0, 1)");
  EXPECT_ERROR(losses::Circle()(labels, placeholder({32, 4, 2})), "y_pred of shape (batch, features)");
  const Function f({labels}, {losses::SparseCategoricalCrossentropy()(labels, constant(zeros({32, 10})))});
  EXPECT_ERROR(f({full({32}, 10, DType::i64)}), "10");
}

}  // namespace
}  // namespace strata
