// What a user sees when something is wrong: each mistake has a message that names where, what was expected and what came.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cmath>
#include <limits>

#include "tests/support/messages.h"

namespace strata {
namespace {

Sequential classifier() {
  Sequential model({layers::Input({4}), layers::Dense(3, {.activation = "softmax", .name = "head"})});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});
  return model;
}

TEST(Errors, WrongInputRankOrLastDimension) {
  Sequential model = classifier();
  EXPECT_ERROR(model.predict(zeros({2, 5})), "shape [?,4]");
  EXPECT_ERROR(model.predict(zeros({2, 5})), "received shape [2,5]");
  EXPECT_ERROR(model.predict(zeros({2, 3, 4})), "received shape [2,3,4]");
  const Layer dense = layers::Dense(3, {.name = "d"});
  dense(placeholder({2, 4}));
  EXPECT_ERROR(dense(placeholder({2, 5})), "'d'");
  EXPECT_ERROR(dense(placeholder({2, 5})), "4");
  const Layer conv = layers::Conv2D(2, 3, {.name = "c"});
  EXPECT_ERROR(conv(placeholder({2, 8, 8})), "'c'");
}

TEST(Errors, MismatchedSizes) {
  Sequential model = classifier();
  EXPECT_ERROR(model.fit(zeros({100, 4}), zeros({99}, DType::i32)), "Data cardinality is ambiguous");
  EXPECT_ERROR(model.fit(zeros({100, 4}), zeros({99}, DType::i32)), "'x' sizes: 100\n'y' sizes: 99");
}

TEST(Errors, LabelsOutsideTheClasses) {
  Sequential model = classifier();
  const Tensors before = model.get_weights();
  const Tensor y = Tensor::from<std::int32_t>({4}, {0, 1, 7, 2});
  EXPECT_ERROR(model.fit(zeros({4, 4}), y, {.verbose = 0}), "label");
  EXPECT_ERROR(model.fit(zeros({4, 4}), y, {.verbose = 0, .shuffle = false}), "7");
  for (std::int64_t i = 0; i < before[0].size(); ++i) EXPECT_EQ(before[0].at<float>(i), model.get_weights()[0].at<float>(i));
}

TEST(Errors, FitBeforeCompile) {
  Sequential model({layers::Input({4}), layers::Dense(3)});
  EXPECT_ERROR(model.fit(zeros({4, 4}), zeros({4, 3})), "You must call `compile()` before using the model");
  EXPECT_ERROR(model.evaluate(zeros({4, 4}), zeros({4, 3})), "You must call `compile()`");
  model.compile({.optimizer = "sgd"});
  EXPECT_ERROR(model.fit(zeros({4, 4}), zeros({4, 3}), {.verbose = 0}), "No loss to compute");
}

TEST(Errors, UnknownNames) {
  Sequential model({layers::Input({4}), layers::Dense(3)});
  EXPECT_ERROR(model.compile({.optimizer = "adamant"}), "Could not interpret optimizer identifier: adamant");
  EXPECT_ERROR(model.compile({.loss = "foo"}), "Could not interpret loss identifier: foo");
  EXPECT_ERROR(model.compile({.metrics = {"foo"}}), "Could not interpret metric identifier: foo");
  EXPECT_ERROR(layers::Dense(3, {.activation = "rely"}), "Could not interpret activation function identifier: rely");
  EXPECT_ERROR(layers::Dense(3, {.kernel_initializer = "foo"}), "Could not interpret initializer identifier: foo");
}

TEST(Errors, BadLayerArguments) {
  EXPECT_ERROR(layers::Dense(-1), "Received an invalid value for `units`, expected a positive integer. Received: units=-1");
  EXPECT_ERROR(layers::Conv2D(0, 3), "Expected a strictly positive value. Received filters=0");
  EXPECT_ERROR(layers::Conv2D(4, 3, {.padding = "foo"}), "foo");
  EXPECT_ERROR(layers::Dropout(1.5), "Expected a float value between 0 and 1. Received: rate=1.5");
}

TEST(Errors, AKernelLargerThanItsInput) {
  EXPECT_ERROR(layers::Conv2D(2, 5, {.name = "big"})(layers::Input({3, 3, 1})), "Computed output size would be zero or negative");
  EXPECT_ERROR(layers::MaxPooling2D(5)(layers::Input({3, 3, 1})), "Computed output size would be zero or negative");
}

TEST(Errors, ANaNLossIsFoundAndTraced) {
  Sequential model({layers::Input({2}), layers::Dense(2, {.name = "fine"}), layers::Activation("exponential", {.name = "explodes"}),
                    layers::Dense(1, {.name = "after"})});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  model.get_layer("fine").set_weights({full({2, 2}, 1000.0f), zeros({2})});
  const Tensor x = ones({4, 2}), y = zeros({4, 1});
  EXPECT_ERROR(model.fit(x, y, {.verbose = 0, .callbacks = {callbacks::TerminateOnNaN({.raise_error = true})}}), "Invalid loss");
  model.get_layer("fine").set_weights({full({2, 2}, 1000.0f), zeros({2})});
  debugging::enable_check_numerics();
  const std::string message = testing::message_of([&] { model.fit(x, y, {.verbose = 0}); });
  debugging::enable_check_numerics(false);
  EXPECT_NE(message.find("explodes"), std::string::npos) << message;
  EXPECT_NE(message.find("NaN or infinity"), std::string::npos) << message;
}

TEST(Errors, ABatchTooLargeForTheMemoryLimit) {
  Sequential model({layers::Input({64}), layers::Dense(256, {.activation = "relu"}), layers::Dense(1)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const std::int64_t batch = 4096;
  const Tensor x = zeros({batch, 64}), y = zeros({batch, 1});
  const auto peak = static_cast<std::int64_t>(model.plan({.batch_size = batch}).peak_bytes());
  config::set_memory_limit("cpu:0", config::memory_in_use({}) + peak / 2);
  const std::string message = testing::message_of([&] { model.fit(x, y, {.batch_size = batch, .verbose = 0}); });
  const std::string planned = testing::message_of([&] { model.plan({.batch_size = batch}); });
  config::set_memory_limit("cpu:0", 0);
  EXPECT_NE(message.find("needs " + std::to_string(peak)), std::string::npos) << message;
  EXPECT_NE(planned.find("the largest that fits is "), std::string::npos) << planned;
  const std::size_t at = message.find("the largest that fits is ");
  ASSERT_NE(at, std::string::npos) << message;
  const std::int64_t largest = std::stoll(message.substr(at + 25));
  EXPECT_GT(largest, batch / 4);
  EXPECT_LT(largest, batch);
  model.fit(x, y, {.batch_size = largest, .verbose = 0});
}

TEST(Errors, DevicesThatAreNotThere) {
  EXPECT_ERROR(DeviceScope("gpu:0"), "cpu:0");
  EXPECT_ERROR(DeviceScope("tpu:0"), "'tpu:0'");
  EXPECT_ERROR(DeviceScope("cpu:64"), "(to cpu:63)");
}

TEST(Errors, WrongTargetsNameTheLoss) {
  Sequential model({layers::Input({4}), layers::Dense(3, {.activation = "softmax"})});
  model.compile({.optimizer = "sgd", .loss = "categorical_crossentropy"});
  EXPECT_ERROR(model.fit(zeros({4, 4}), zeros({4, 5}), {.verbose = 0}), "categorical_crossentropy");
}

}  // namespace
}  // namespace strata
