#include <strata/strata.h>

#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;

TEST(DTypePolicy, NamesComputationAndVariables) {
  const DTypePolicy mixed("mixed_bfloat16");
  EXPECT_EQ(mixed.compute_dtype(), DType::bf16);
  EXPECT_EQ(mixed.variable_dtype(), DType::f32);
  EXPECT_EQ(DTypePolicy("float64").variable_dtype(), DType::f64);
  EXPECT_EQ(DTypePolicy(DType::f16).name(), "float16");
  expect_error([] { DTypePolicy("int8_from_float32"); }, "'int8_from_float32'");
}

TEST(DTypePolicy, IsReadInEverySpelling) {
  const auto read = [](const ConfigValue& value) {
    DTypePolicy policy("float32");
    from_config(value, policy);
    return policy.name();
  };
  EXPECT_EQ(read("mixed_float16"), "mixed_float16");
  EXPECT_EQ(read(Config{{"class_name", "Policy"}, {"config", Config{{"name", "mixed_float16"}}}}), "mixed_float16");
  EXPECT_EQ(read(to_config(DTypePolicy("float64"))), "float64");
  EXPECT_EQ(read(nullptr), "float32");
  expect_error([&] { read(Config{{"class_name", "QuantizedDTypePolicy"}, {"config", Config{{"name", "float32"}}}}); }, "DTypePolicy");
}

TEST(DTypePolicy, Float64ComputesInDouble) {
  const Layer dense = layers::Dense(1, {.use_bias = false, .kernel_initializer = "ones"}).with_dtype("float64");
  const Tensor y = testing::run(dense, {Tensor::from<double>({1, 2}, {1.0, 1e-12})});
  EXPECT_EQ(y.dtype(), DType::f64);
  EXPECT_EQ(y.at<double>(0), 1.0 + 1e-12);
  EXPECT_EQ(dense.weights()[0].dtype(), DType::f64);
}

TEST(DTypePolicy, MixedComputesIn16BitsAndKeepsItsWeights) {
  const Layer dense = layers::Dense(2, {.kernel_initializer = "ones", .kernel_regularizer = "l2"}).with_dtype("mixed_float16");
  const Value x = placeholder({1, 2});
  const Value y = dense(x, Mode::train);
  EXPECT_EQ(y.dtype(), DType::f16);
  EXPECT_EQ(dense.weights()[0].dtype(), DType::f32);
  EXPECT_EQ(collect_effects({y}).losses.at(0).value.dtype(), DType::f32);
  const Value loss = Loss("mse")(constant(zeros({1, 2})), y);
  EXPECT_EQ(loss.dtype(), DType::f32);
  EXPECT_EQ(gradients(loss, {Value(dense.weights()[0])})[0].dtype(), DType::f32);
  // 2049 is not a number of 16 bits.
  EXPECT_EQ(testing::run(dense, {Tensor::from({1, 2}, {2049.0f, 0.0f})}).at<float>(0), 2048.0f);
}

TEST(DTypePolicy, GoesIntoTheConfigAndBack) {
  const Layer dense = layers::Dense(2, {.name = "d"}).with_dtype("mixed_float16");
  const ConfigValue config = to_config(dense);
  Layer same;
  from_config(config, same);
  EXPECT_EQ(same.dtype_policy().name(), "mixed_float16");
  EXPECT_EQ(to_config(same), config);
}

TEST(DTypePolicy, IsSetBeforeTheWeightsAreMade) {
  const Layer dense = layers::Dense(2, {.name = "d"});
  dense(placeholder({1, 2}));
  expect_error([&] { dense.with_dtype("float16"); }, "Dense 'd'");
}

TEST(DTypePolicy, TheGlobalOneHoldsForLayersMadeWithoutOne) {
  mixed_precision::set_global_policy("mixed_bfloat16");
  const Layer dense = layers::Dense(2);
  mixed_precision::set_global_policy("float32");
  EXPECT_EQ(dense.dtype_policy().name(), "mixed_bfloat16");
  EXPECT_EQ(layers::Dense(2).dtype_policy().name(), "float32");
}

TEST(DTypePolicy, AMixedModelTrains) {
  mixed_precision::set_global_policy("mixed_float16");
  const Layer hidden = layers::Dense(8, {.activation = "relu"});
  mixed_precision::set_global_policy("float32");
  Sequential model({layers::Input({3}), hidden, layers::Dense(1)});
  model.compile({.optimizer = "adam", .loss = "mse"});
  const Tensor x = random::normal({64, 3}), y = sum(x, {-1}, {.keepdims = true});
  const History history = model.fit(x, y, {.epochs = 20, .verbose = 0});
  EXPECT_LT(history["loss"].back(), history["loss"].front());
}

}  // namespace
}  // namespace strata
