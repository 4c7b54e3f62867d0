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

// From Keras 3.15.1.
TEST(Losses, ConnectionistTemporalClassification) {
  const Value labels = constant(Tensor::from<std::int32_t>({3, 3}, {1, 1, 2, 2, 0, 0, 3, 1, 0}));
  const Value logits = constant(tensor(
      {3, 5, 4}, {-0.8f, -1.32f, -0.25f, 0.42f, 1.14f, 0.11f, -0.55f, -0.78f, 0.75f, 1.63f, 0.27f, -1.23f, -0.96f, 1.6f, 0.2f,
                  -1.73f, -0.08f, -1.16f, -0.63f, -0.49f, -0.71f, 0.55f, -0.06f, -0.59f, 0.41f, 0.83f, -1.64f, -0.26f, -0.98f,
                  -0.17f, -1.29f, 0.02f, -0.04f, -0.3f, -1.05f, -0.4f, -1.09f, -1.36f, 0.22f, -1.11f, 1.17f, 0.72f, -2, 0.27f,
                  -1.1f, 0.03f, 0.04f, -1.99f, -0.23f, -0.26f, 0.96f, -1.18f, 0.74f, -1.1f, -0.33f, -0.84f, 1.45f, 0.57f, 2.43f,
                  0.64f}));
  const losses::CTC ctc;
  expect_near(computed(ctc.per_sample(labels, logits)), {4.359186f, 5.636238f, 4.917548f});
  const Value loss = ctc(labels, logits);
  expect_near(
      computed(gradients(loss, {logits})[0]),
      {0.01724989f, -0.2714306f, 0.08603936f, 0.1681413f, -0.08422928f, 0.01884611f, 0.03643462f, 0.02894853f, -0.02560775f,
       -0.03492469f, 0.04948978f, 0.01104266f, 0.008898558f, 0.009523174f, -0.02719654f, 0.00877479f, 0.07360683f, 0.04387207f,
       -0.2032153f, 0.08573642f, -0.2046562f, 0.1552681f, -0.0002696912f, 0.0496577f, -0.1921198f, 0.1604224f, -0.02223922f,
       0.05393666f, -0.1962408f, 0.1118423f, -0.05084679f, 0.1352452f, -0.1058302f, 0.09072433f, -0.06698493f, 0.08209077f,
       -0.07691961f, 0.03945265f, -0.01319124f, 0.05065821f, 0.07898706f, 0.1018803f, 0.006711336f, -0.1875786f, -0.0290809f,
       -0.04550798f, 0.1365446f, -0.06195575f, -0.07039972f, -0.1175506f, 0.194125f, -0.006174766f, -0.07354458f, -0.02458345f,
       0.06694935f, 0.03117865f, -0.1909528f, -0.03814003f, 0.1963159f, 0.03277694f});
  // Two equal labels need a blank between them: three do not fit into three times.
  const Value same = constant(Tensor::from<std::int32_t>({1, 3}, {1, 1, 1})), few = constant(zeros({1, 3, 4}));
  EXPECT_TRUE(std::isinf(computed(ctc(same, few)).item<float>()));
  EXPECT_ERROR(computed(ctc(constant(Tensor::from<std::int32_t>({1, 1}, {4})), few)), "4");
  EXPECT_ERROR(ctc(labels, constant(zeros({3, 4}))), "(batch_size, max_length, num_classes)");
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
