#include <gtest/gtest.h>
#include <strata/strata.h>

#include "tests/models/saving/saving_testing.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using namespace applications;

/// A network small enough for tests: 32 x 32 pixels, a quarter of the width.
Model small(const std::string& weights = "") {
  return MobileNet({.input_shape = {32, 32, 3}, .alpha = 0.25, .weights = weights, .classes = 4});
}

Tensor images(std::int64_t count) { return random::uniform({count, 32, 32, 3}, -1.0, 1.0); }

TEST(Applications, ArgumentsAreChecked) {
  EXPECT_ERROR(
      Xception({.weights = "nowhere.h5"}),
      "[applications::Xception] The `weights` argument should be either \"\" (random initialization), \"imagenet\" "
      "(pre-training on ImageNet), or the path to the weights file to be loaded. Received: weights=nowhere.h5");
  EXPECT_ERROR(
      ResNet50({.classes = 10}),
      "[applications::ResNet50] If using `weights=\"imagenet\"` with `include_top=true`, `classes` should be 1000. "
      "Received: classes=10");
  EXPECT_ERROR(VGG16({.input_shape = {64, 64, 3}}),
               "When setting `include_top=true` and loading `imagenet` weights, `input_shape` should be (224, 224, 3). "
               "Received: input_shape=(64, 64, 3)");
  EXPECT_ERROR(VGG16({.weights = "", .input_shape = {224, 224}}),
               "`input_shape` must be a tuple of three integers. Received: input_shape=(224, 224)");
  EXPECT_ERROR(VGG19({.include_top = false, .input_shape = {64, 64, 1}}),
               "The input must have 3 channels; Received: input_shape=(64, 64, 1)");
  EXPECT_ERROR(VGG19({.include_top = false, .weights = "", .input_shape = {64, 64, -1}}),
               "The input must have a known number of channels; Received: input_shape=(64, 64, None)");
  EXPECT_ERROR(Xception({.weights = "", .input_shape = {71, 64, 3}}),
               "Input size must be at least 71x71; Received: input_shape=(71, 64, 3)");
  EXPECT_ERROR(
      DenseNet121({.weights = "", .input_shape = {-1, -1, 3}}),
      "If `include_top` is true, you should specify a static `input_shape`. Received: input_shape=(None, None, 3)");
  EXPECT_ERROR(
      InceptionV3({.classifier_activation = "relu"}),
      "Only \"linear\" and \"softmax\" activations are allowed for the `classifier_activation` argument when using "
      "pretrained weights, with `include_top=true`; Received: classifier_activation=relu");
  EXPECT_ERROR(EfficientNetB0({.weights = "", .classes = 0}),
               "[applications::EfficientNetB0] expected at least one class; received classes=0");
}

TEST(Applications, WhatWouldHaveNoEffectIsAnError) {
  EXPECT_ERROR(ResNet50({.weights = "", .pooling = "avg"}),
               "`pooling` is for `include_top = false`: the top has its own. Received: pooling=\"avg\"");
  EXPECT_ERROR(ResNet50({.include_top = false, .weights = "", .pooling = "mean"}),
               "expected pooling \"avg\", \"max\" or \"\"; received \"mean\"");
  EXPECT_ERROR(ResNet50({.include_top = false, .weights = "", .classes = 10}),
               "`classes` and `classifier_activation` belong to the top, and `include_top` is false");
  EXPECT_ERROR(ResNet50({.include_top = false, .weights = "", .classifier_activation = "sigmoid"}),
               "`classes` and `classifier_activation` belong to the top, and `include_top` is false");
  EXPECT_ERROR(MobileNet({.dropout = 0.5, .include_top = false, .weights = ""}),
               "`dropout` belongs to the top, and `include_top` is false");
  const Symbol x = layers::Input({40, 40, 3});
  EXPECT_ERROR(ResNet50({.weights = "", .input_tensor = x, .input_shape = {32, 32, 3}}),
               "`input_shape` and `input_tensor` differ. Received: input_shape=(32, 32, 3), input_tensor of shape "
               "(None, 40, 40, 3)");
  EXPECT_ERROR(ResNet50({.weights = "", .input_tensor = layers::Input({40})}),
               "expected an input_tensor of shape [batch, height, width, channels]; received [?,40]");
}

TEST(Applications, MobileNetsHaveWeightsOfSomeWidthsOnly) {
  EXPECT_ERROR(
      MobileNet({.alpha = 0.3}),
      "[applications::MobileNet] If imagenet weights are being loaded, alpha can be one of 0.25, 0.5, 0.75, 1.0 only. "
      "Received alpha=0.3");
  EXPECT_ERROR(MobileNet({.depth_multiplier = 2}),
               "If imagenet weights are being loaded, depth multiplier must be 1. Received depth_multiplier=2");
  EXPECT_ERROR(MobileNetV2({.alpha = 1.1}),
               "alpha can be one of 0.35, 0.5, 0.75, 1.0, 1.3, 1.4 only. Received alpha=1.1");
  EXPECT_ERROR(MobileNetV2({.alpha = 0, .weights = ""}), "expected a positive alpha; received alpha=0.0");
}

TEST(Applications, NamesFollowFromTheArguments) {
  EXPECT_EQ(small().name(), "mobilenet_0.25_32");
  EXPECT_EQ(MobileNet({.alpha = 0.25, .include_top = false, .weights = ""}).name(), "mobilenet_0.25_None");
  EXPECT_EQ(MobileNetV2({.alpha = 0.35, .include_top = false, .weights = "", .name = "eyes"}).name(), "eyes");
}

TEST(Applications, AreBuiltUponATensor) {
  const Symbol pixels = layers::Input({32, 32, 3}, {.dtype = DType::u8, .name = "pixels"});
  Model model =
      MobileNet({.alpha = 0.25, .weights = "", .input_tensor = mobilenet::preprocess_input(pixels), .classes = 4});
  EXPECT_EQ(model.input_names(), std::vector<std::string>{"pixels"});
  Model plain = small();
  plain.set_weights(model.get_weights());
  const Tensor bytes = cast((images(2) + 1.0) * 127.0, DType::u8);
  const Tensor expected = plain.predict(mobilenet::preprocess_input(bytes)), there = model.predict(bytes);
  for (std::int64_t i = 0; i < 8; ++i) EXPECT_NEAR(there.at<float>(i), expected.at<float>(i), 1e-6);
}

class ApplicationFiles : public testing::TemporaryFolder {};

TEST_F(ApplicationFiles, GoToAndFro) {
  Model model = small();
  const Tensor x = images(2);
  const Tensors expected{model.predict(x)};
  for (const std::string name : {"m.keras", "m.h5", "m.weights.h5"}) {
    const std::string path = file(name);
    if (name == "m.weights.h5") {
      model.save_weights(path);
    } else {
      model.save(path);
      testing::expect_equal({load_model(path).predict(x)}, expected);
    }
    Model again = small(path);
    testing::expect_equal({again.predict(x)}, expected);
  }
  EXPECT_ERROR(MobileNet({.input_shape = {32, 32, 3}, .alpha = 0.5, .weights = file("m.h5"), .classes = 4}),
               "Shape mismatch in layer #0");
}

/// Images of two classes: dark and bright.
struct TwoClasses {
  Tensor x = random::uniform({16, 32, 32, 3}, -0.2, 0.2), y = zeros({16}, DType::i32);
  TwoClasses() {
    Tensors halves{slice(x, {0}, {8}) - 0.5, slice(x, {8}, {16}) + 0.5};
    x = concatenate(halves, 0);
    y = concatenate(Tensors{zeros({8}, DType::i32), ones({8}, DType::i32)}, 0);
  }
};

/// A base whose features differ from image to image, as those of random weights hardly do.
Model lively_base() {
  Model base =
      MobileNet({.input_shape = {32, 32, 3}, .alpha = 0.25, .include_top = false, .weights = "", .pooling = "avg"});
  for (const Layer& layer : base.layers()) {
    const bool depthwise = layer.class_name() == "DepthwiseConv2D";
    if (!depthwise && layer.class_name() != "Conv2D") continue;
    const Initializer wide = depthwise ? initializers::RandomNormal({.stddev = 0.5}) : initializers::HeNormal();
    layer.set_weights({wide(layer.weights()[0].shape())});
  }
  return base;
}

Tensors values_of(const Variables& variables) {
  Tensors values;
  for (const Variable& v : variables) values.push_back(v.value().clone());
  return values;
}

TEST(TransferLearning, AFrozenBaseStaysAndTheHeadLearns) {
  utils::set_random_seed(1);
  Model base = lively_base();
  base.set_trainable(false);
  const Symbol inputs = layers::Input({32, 32, 3});
  Model model({inputs}, {layers::Dense(2, {.activation = "softmax", .name = "head"})(base(inputs))});
  EXPECT_EQ(model.trainable_weights().size(), 2u);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.05}), .loss = "sparse_categorical_crossentropy"});
  const TwoClasses data;
  const Tensors before = values_of(base.weights());

  // A frozen batch normalization uses its moving statistics while it trains, too.
  const double tested = model.test_on_batch(data.x, data.y)["loss"];
  model.reset_metrics();
  EXPECT_NEAR(model.train_on_batch(data.x, data.y)["loss"], tested, 1e-5);

  model.fit(data.x, data.y, {.epochs = 60, .verbose = 0});
  EXPECT_LT(model.evaluate(data.x, data.y, {.verbose = 0})["loss"], 0.8 * tested);
  testing::expect_equal(values_of(base.weights()), before);
}

TEST(TransferLearning, AnUnfrozenBaseIsTunedExceptItsFrozenLayers) {
  utils::set_random_seed(2);
  Model base = lively_base();
  const Symbol inputs = layers::Input({32, 32, 3});
  Model model({inputs}, {layers::Dense(2, {.activation = "softmax"})(base(inputs))});
  base.set_trainable(true);
  const Layer first = base.get_layer("conv1_bn"), last = base.get_layer("conv_pw_13_bn"),
              conv = base.get_layer("conv1");
  first.set_trainable(false);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 1e-5}), .loss = "sparse_categorical_crossentropy"});
  const TwoClasses data;
  const Tensors kept = values_of(first.weights()), moved = values_of(last.weights()),
                kernel = values_of(conv.weights());
  model.fit(data.x, data.y, {.epochs = 1, .verbose = 0});
  testing::expect_equal(values_of(first.weights()), kept);
  const auto difference = [](const Tensor& a, const Tensor& b) { return max(abs(a - b)).item<float>(); };
  EXPECT_GT(difference(last.weights()[2].value(), moved[2]), 0);  // its moving mean
  const float step = difference(conv.weights()[0].value(), kernel[0]);
  EXPECT_GT(step, 0);
  EXPECT_LT(step, 1e-4);
}

}  // namespace
}  // namespace strata
