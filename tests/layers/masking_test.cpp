#include <strata/strata.h>

#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;

/// Two samples of three steps of two numbers; the last step of the first and the first of the second are all zeros.
Tensor steps() { return Tensor::from({2, 3, 2}, {1.0f, 2.0f, 3.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 5.0f, 6.0f, 7.0f, 8.0f}); }

Tensor mask_after(const std::vector<Layer>& layers, const Tensor& x) {
  const Value in = placeholder(x.shape(), x.dtype());
  Value at = in;
  for (const Layer& layer : layers) at = layer(at);
  const Value mask = mask_of(at);
  return mask ? Function({in}, {cast(mask, DType::f32)})({x})[0] : Tensor();
}

/// Says what mask it sees.
struct Seen : layers::Definition {
  Value call(Value x, Mode) override { return current_mask() ? cast(current_mask(), DType::f32) : zeros_like(x); }
};

TEST(Masking, HidesStepsOfTheValue) {
  expect_values(mask_after({layers::Masking()}, steps()), {1, 1, 0, 0, 1, 1});
  expect_values(mask_after({layers::Masking({.mask_value = 5.0})}, full({1, 2, 2}, 5.0)), {0, 0});
  const Tensor y = testing::run(layers::Masking({.mask_value = 3.0}), {Tensor::from({1, 2, 1}, {3.0f, 4.0f})});
  expect_values(y, {0, 4});
}

TEST(Masking, TravelsThroughLayersThatSupportIt) {
  expect_values(mask_after({layers::Masking(), layers::Dense(4), layers::Dense(1)}, steps()), {1, 1, 0, 0, 1, 1});
  EXPECT_FALSE(mask_after({layers::Masking(), layers::make<Seen>()}, steps()).defined());
  expect_values(testing::run(layers::make<Seen>(), {steps()}), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST(Masking, ALayerThatDropsMasksSaysSoOnce) {
  const Layer seen = layers::make<Seen>();
  ::testing::internal::CaptureStderr();
  mask_after({layers::Masking(), seen}, steps());
  mask_after({layers::Masking(), seen}, steps());
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("(of type Seen) was passed an input with a mask"), std::string::npos);
  EXPECT_EQ(text.find("warning", text.find("warning") + 1), std::string::npos);
}

TEST(Masking, ReachesLayersInsideModels) {
  const Sequential inner({layers::Input({3, 2}), layers::Dense(2)});
  Sequential model({layers::Input({3, 2}), layers::Masking(), inner, layers::make<Seen>()});
  expect_values(Tensor(model.predict(steps())), {1, 1, 0, 0, 1, 1});
  expect_values(mask_after({Sequential({layers::Input({3, 2}), layers::Masking()})}, steps()), {1, 1, 0, 0, 1, 1});
}

TEST(Masking, LossesAndMetricsCountWhatIsNotMasked) {
  const Value p = placeholder({1, 4, 1}), y = placeholder({1, 4, 1}), mask = placeholder({1, 4}, DType::boolean);
  const Metric metric("mse");
  Function f({y, p, mask}, {Loss("mse")(y, with_mask(p, mask))}, metric.update(y, with_mask(p, mask)));
  const Tensor loss = f({zeros({1, 4, 1}), Tensor::from({1, 4, 1}, {1.0f, 2.0f, 3.0f, 4.0f}),
                         Tensor::from<bool>({1, 4}, {true, false, true, false})})[0];
  EXPECT_FLOAT_EQ(loss.item<float>(), 5.0f);
  EXPECT_FLOAT_EQ(Function({}, {metric.result()})({})[0].item<float>(), 5.0f);
  Function none({y, p, mask}, {Loss("mse")(y, with_mask(p, mask))});
  EXPECT_EQ(none({zeros({1, 4, 1}), ones({1, 4, 1}), Tensor::from<bool>({1, 4}, {false, false, false, false})})[0].item<float>(), 0.0f);
}

TEST(Masking, GradientsPassTheMaskBy) {
  const Layer dense = layers::Dense(1, {.kernel_initializer = "ones"});
  const Value x = placeholder({1, 2, 1});
  const Value y = dense(layers::Masking()(x), Mode::train);
  const Value g = gradients(Loss("mse")(constant(zeros({1, 2, 1})), y), {Value(dense.weights()[0])})[0];
  EXPECT_FLOAT_EQ(Function({x}, {g})({Tensor::from({1, 2, 1}, {3.0f, 0.0f})})[0].item<float>(), 18.0f);
}

TEST(Masking, AMaskHasTheShapeOfTheStepsAndHoldsBools) {
  const Value x = placeholder({2, 3, 4});
  expect_error([&] { with_mask(x, placeholder({2, 4}, DType::boolean)); }, "first axes of f32[2,3,4]");
  expect_error([&] { with_mask(x, placeholder({2, 3})); }, "bools");
  const Value masked = with_mask(x, placeholder({2, 3}, DType::boolean));
  EXPECT_TRUE(mask_of(masked));
  EXPECT_FALSE(mask_of(without_mask(masked)));
  EXPECT_FALSE(mask_of(masked + 1.0));
}

TEST(Masking, MergedMasks) {
  const Value a = constant(Tensor::from<bool>({2}, {true, false})), b = constant(Tensor::from<bool>({2}, {false, false}));
  const auto values = [](const Value& mask) { return Function({}, {cast(mask, DType::f32)})({})[0]; };
  expect_values(values(layers::merged_mask({a, b})), {1, 0});
  EXPECT_FALSE(layers::merged_mask({a, Value()}));
  const Value x = placeholder({2, 3}), y = placeholder({2, 1});
  expect_values(values(layers::concatenated_mask({x, y}, {a, b}, 1)), {1, 0});
  expect_values(values(layers::concatenated_mask({x, y}, {b, Value()}, 1)), {1, 1});
}

// The numbers of the next three tests are Keras 3.15.1's.
TEST(Masking, MergingLayersLeaveMaskedStepsOut) {
  const Tensor a = Tensor::from({1, 3, 1}, {1.0f, 0.0f, 3.0f}), b = Tensor::from({1, 3, 1}, {4.0f, 5.0f, 0.0f}),
               z = Tensor::from({1, 3, 1}, {9.0f, 8.0f, 7.0f});
  const auto merged = [](const Layer& layer, const Tensor& left, const Tensor& right, bool both) {
    const Value l = placeholder(left.shape()), r = placeholder(right.shape());
    const Value y = layer(Values{layers::Masking()(l), both ? layers::Masking()(r) : r})[0];
    EXPECT_EQ(static_cast<bool>(mask_of(y)), both) << layer.class_name();
    return Function({l, r}, {y})({left, right})[0];
  };
  expect_values(merged(layers::Add(), a, b, true), {5, 5, 3});
  expect_values(merged(layers::Multiply(), a, b, true), {4, 5, 3});
  expect_values(merged(layers::Multiply(), a, z, false), {9, 8, 21});
  expect_values(merged(layers::Maximum(), a, z, false), {9, 8, 7});
  expect_values(merged(layers::Minimum(), a, b, true), {1, 5, 3});
  expect_values(merged(layers::Minimum(), a, z, false), {1, 8, 3});
  expect_values(merged(layers::Average(), a, b, true), {2.5, 2.5, 1.5});
}

TEST(Masking, BatchNormalizationTakesStatisticsOfWhatCounts) {
  const Layer bn = layers::BatchNormalization({.momentum = 0.5});
  const Value x = placeholder({2, 3, 2});
  const Value y = bn(layers::Masking()(x), Mode::train);
  expect_values(Function({x}, {y}, {})({steps()})[0],
                {-1.341507f, -0.632424f, -0.447169f, -1.264848f, -1.788675f, -1.264848f, -1.788675f, -1.264848f, 0.447169f, 0.632424f, 1.341507f,
                 1.264848f}, 2e-6f);
  expect_values(bn.weights()[2].value(), {2, 2});
  expect_values(bn.weights()[3].value(), {3, 5.5});
}

TEST(Masking, SoftmaxGivesMaskedPlacesNothing) {
  const Value x = placeholder({1, 3});
  const Value mask = constant(Tensor::from<bool>({1, 3}, {true, false, true}));
  expect_values(Function({x}, {layers::Softmax()(with_mask(x, mask))})({Tensor::from({1, 3}, {1.0f, 2.0f, 3.0f})})[0],
                {0.119203f, 0.0f, 0.880797f});
}

TEST(Masking, AnEmbeddingHidesIndexZeroWhenAsked) {
  const Tensor indices = Tensor::from<std::int32_t>({1, 3}, {2, 0, 1});
  expect_values(mask_after({layers::Embedding(3, 2, {.mask_zero = true})}, indices), {1, 0, 1});
  EXPECT_FALSE(mask_after({layers::Embedding(3, 2)}, indices).defined());
}

TEST(Masking, IsGivenAsAnArgumentInFiles) {
  register_layer<Seen>("Seen");
  const Symbol x = layers::Input({3, 2}, {.name = "x"});
  const Symbol mask = any(not_equal(x, 0.0), {-1});
  Model model({x}, {layers::make<Seen>().call_symbols({x}, {mask})[0]});
  expect_values(Tensor(model.predict(steps())), {1, 1, 0, 0, 1, 1});
  const std::string text = model.to_json();
  EXPECT_NE(text.find(R"("kwargs": {"mask": {"class_name": "__keras_tensor__")"), std::string::npos);
  Model same = model_from_json(text);
  EXPECT_EQ(same.to_json(), text);
  expect_values(Tensor(same.predict(steps())), {1, 1, 0, 0, 1, 1});
}

}  // namespace
}  // namespace strata
