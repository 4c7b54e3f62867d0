#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/json.h"
#include "core/compile/function.h"
#include "core/ops/ops.h"
#include "tests/layers/loss_goldens.h"
#include "tests/support/messages.h"

namespace strata {
namespace {
Loss read(const std::string& json) {
  Loss loss = "mse";
  from_config(parse_json(json, "test"), loss);
  return loss;
}

float value_of(const Loss& loss, const Value& y, const Value& p) {
  return Function({}, {loss(y, p)})({})[0].item<float>();
}

const Tensor truth = Tensor::from<float>({2, 3}, {1, 0, 0, 0, 0, 1});
const Tensor guess = Tensor::from<float>({2, 3}, {0.5f, 0.25f, 0.25f, 0.1f, 0.2f, 0.7f});

TEST(LossConfigs, EveryLossComesBack) {
  for (const testing::LossGolden& g : testing::loss_goldens()) {
    const ConfigValue saved = to_config(g.loss);
    SCOPED_TRACE(to_json(saved));
    Loss again = "mse";
    from_config(saved, again);
    EXPECT_EQ(to_config(again), saved);
    const Value y = constant(Tensor::from<float>(g.label_shape, g.y_true)),
                p = constant(Tensor::from<float>(g.shape, g.y_pred));
    EXPECT_EQ(value_of(again, y, p), value_of(g.loss, y, p));
  }
}

// As Keras 3.15.1 writes them. It leaves out Huber's delta, and the axis of some; here they stand where they are not
// the default.
TEST(LossConfigs, AreKeras) {
  EXPECT_EQ(
      to_json(to_config(losses::MeanAbsoluteError({.reduction = "sum"}))),
      R"({"module": "keras.losses", "class_name": "MeanAbsoluteError", "config": {"name": "mean_absolute_error", )"
      R"("reduction": "sum"}, "registered_name": null})");
  EXPECT_EQ(to_json(to_config(losses::SparseCategoricalCrossentropy({.from_logits = true}))),
            R"({"module": "keras.losses", "class_name": "SparseCategoricalCrossentropy", "config": {"name": )"
            R"("sparse_categorical_crossentropy", "reduction": "sum_over_batch_size", "from_logits": true, )"
            R"("ignore_class": null}, "registered_name": null})");
  EXPECT_EQ(to_json(losses::Huber().config()), R"({"name": "huber_loss", "reduction": "sum_over_batch_size"})");
  EXPECT_EQ(losses::Huber({.delta = 0.5}).config().at("delta").as_double(), 0.5);
  EXPECT_EQ(to_json(losses::Dice().config()), R"({"name": "dice", "reduction": "sum_over_batch_size", "axis": null})");
  EXPECT_EQ(to_json(losses::Tversky({.axis = {{1, 2}}}).config().at("axis")), "[1, 2]");
}

TEST(LossConfigs, InOtherSpellings) {
  EXPECT_EQ(read(R"("MSE")").class_name(), "MeanSquaredError");
  EXPECT_EQ(read(R"({"module": "builtins", "class_name": "function", "config": "mean_squared_error", )"
                 R"("registered_name": "function"})")
                .class_name(),
            "MeanSquaredError");
  // Keras 2.15.
  const Loss old =
      read(R"({"class_name": "SparseCategoricalCrossentropy", "config": {"reduction": "auto", "name": "mine", )"
           R"("from_logits": true, "ignore_class": 2, "fn": "sparse_categorical_crossentropy"}})");
  EXPECT_EQ(old.reduction(), "sum_over_batch_size");
  EXPECT_EQ(old.config().at("ignore_class").as_int(), 2);
  EXPECT_EQ(read(R"({"class_name": "Huber", "config": {"reduction": null}})").reduction(), "none");
  EXPECT_EQ(read(R"("logcosh")").class_name(), "LogCosh");
}

TEST(LossConfigs, TheOneThatShapesChooseIsAName) {
  EXPECT_EQ(to_json(to_config(Loss("ce"))), R"("crossentropy")");
  EXPECT_EQ(value_of(read(R"("crossentropy")"), constant(truth), constant(guess)),
            value_of(losses::CategoricalCrossentropy(), constant(truth), constant(guess)));
}

TEST(LossConfigs, OnesOwnAreRegistered) {
  const Loss cubic = losses::make(
      "cubic", [](Value y, Value p) { return mean(abs(y - p) * square(y - p), {-1}); }, "sum");
  EXPECT_ERROR(to_config(cubic),
               "[loss 'cubic'] cannot be saved, since it is not registered: register_loss(\"cubic\", ...)");
  EXPECT_ERROR(read(R"({"class_name": "function", "config": "Custom>cubic"})"), "Could not interpret loss identifier");
  register_loss("cubic", cubic);
  const ConfigValue saved = to_config(cubic);
  EXPECT_EQ(
      to_json(saved),
      R"({"module": "builtins", "class_name": "function", "config": "Custom>cubic", "registered_name": "function"})");
  EXPECT_EQ(value_of(read(to_json(saved)), constant(truth), constant(guess)),
            value_of(cubic, constant(truth), constant(guess)));
  EXPECT_EQ(Loss("cubic").reduction(), "sum");
  EXPECT_ERROR(register_loss("square", cubic), "the loss's own name, 'cubic'");
  EXPECT_ERROR(register_loss("hinge", losses::make("hinge", [](Value, Value p) { return p; })), "built-in class Hinge");
}

TEST(LossConfigs, ClassesOfOnesOwnHaveArguments) {
  const auto scaled = [](double factor) {
    return Loss("Scaled", "scaled", {{"factor", factor}}, [factor](const Value& y, const Value& p) {
      return losses::PerSample{factor * mean(p - cast(y, p.dtype()), {-1})};
    });
  };
  EXPECT_ERROR(to_config(scaled(2)), "register_loss(\"Scaled\", ...)");
  register_loss("Scaled", [=](const Config& c) { return scaled(c.at("factor").as_double()); });
  Loss again = "mse";
  from_config(to_config(scaled(2)), again);
  EXPECT_EQ(again.config().at("factor").as_double(), 2.0);
}

TEST(LossConfigs, Errors) {
  EXPECT_ERROR(read(R"({"class_name": "Contrastive", "config": {}})"),
               "Unknown loss 'Contrastive': register it before loading");
  EXPECT_ERROR(read(R"({"class_name": "Huber", "config": {"name": "h", "dleta": 1}})"),
               "[loss Huber 'h'] Unrecognized keyword arguments: {'dleta': 1}");
  EXPECT_ERROR(read(R"({"class_name": "Huber", "config": {"delta": "wide"}})"), "argument `delta`");
  EXPECT_ERROR(read(R"({"class_name": "Huber", "config": {"reduction": "average"}})"), "Received: reduction=average");
  EXPECT_ERROR(read("[1]"), "expected a name or an object");
}

TEST(LossConfigs, Names) {
  const std::vector<std::string> names = loss_names();
  for (const char* name : {"MeanSquaredError",
                           "MeanAbsoluteError",
                           "MeanAbsolutePercentageError",
                           "MeanSquaredLogarithmicError",
                           "CosineSimilarity",
                           "Huber",
                           "LogCosh",
                           "Hinge",
                           "SquaredHinge",
                           "CategoricalHinge",
                           "KLDivergence",
                           "Poisson",
                           "BinaryCrossentropy",
                           "BinaryFocalCrossentropy",
                           "CategoricalCrossentropy",
                           "CategoricalFocalCrossentropy",
                           "SparseCategoricalCrossentropy",
                           "Dice",
                           "Tversky",
                           "Circle",
                           "CategoricalGeneralizedCrossEntropy",
                           "CTC"}) {
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  }
  for (const char* alias :
       {"mse", "mae", "mape", "msle", "bce", "kld", "MSE", "MAE", "MAPE", "MSLE", "BCE", "KLD", "ce"})
    EXPECT_NO_THROW(Loss{alias}) << alias;
}

}  // namespace
}  // namespace strata
