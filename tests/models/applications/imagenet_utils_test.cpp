#include "models/applications/imagenet_utils.h"

#include <gtest/gtest.h>
#include <strata/strata.h>

#include <span>
#include <sstream>

#include "data/checksum.h"
#include "models/applications/imagenet_classes.h"
#include "tests/support/messages.h"

namespace strata::applications {
namespace {

using imagenet_utils::Scaling;

const Tensor pixel = Tensor::from<float>({1, 1, 3}, {0, 127.5f, 255});

void expect_values(const Tensor& t, const std::vector<float>& expected) {
  ASSERT_EQ(t.shape().elements(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(t.at<float>(static_cast<std::int64_t>(i)), expected[i], 1e-4) << i;
}

TEST(PreprocessInput, HasKerasModes) {
  expect_values(xception::preprocess_input(pixel), {-1, 0, 1});
  expect_values(vgg19::preprocess_input(pixel), {151.061f, 10.721f, -123.68f});
  expect_values(densenet::preprocess_input(pixel), {-2.117904f, 0.196429f, 2.64f});
  expect_values(efficientnet::preprocess_input(pixel), {0, 127.5f, 255});
  for (const std::string mode : {"tf", "caffe", "torch"})
    expect_values(imagenet_utils::preprocess_input(pixel, {.mode = mode}) -
                      imagenet_utils::Preprocessing(imagenet_utils::scaling_of(mode))(pixel),
                  {0, 0, 0});
  EXPECT_ERROR(imagenet_utils::preprocess_input(pixel, {.mode = "pytorch"}),
               "Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode=pytorch");
}

TEST(PreprocessInput, TakesIntegersAndBatches) {
  const Tensor bytes = Tensor::from<std::uint8_t>({2, 1, 1, 3}, {0, 51, 255, 255, 0, 0});
  const Tensor ready = resnet50::preprocess_input(bytes);
  EXPECT_EQ(ready.dtype(), DType::f32);
  EXPECT_EQ(ready.shape(), bytes.shape());
  expect_values(ready, {151.061f, -65.779f, -123.68f, -103.939f, -116.779f, 131.32f});
  EXPECT_EQ(efficientnet::preprocess_input(bytes).dtype(), DType::u8);
  EXPECT_EQ(xception::preprocess_input(cast(bytes, DType::f64)).dtype(), DType::f64);
  EXPECT_ERROR(xception::preprocess_input(zeros({3})),
               "[preprocess_input] expected images [height, width, 3] or [batch, height, width, 3]; received [3]");
  EXPECT_ERROR(xception::preprocess_input(zeros({8, 8, 4})), "received [8,8,4]");
}

TEST(PreprocessInput, IsPartOfGraphsAndModels) {
  const Tensor x = reshape(pixel, {1, 1, 1, 3});
  const Variable picture("picture", x);
  const Symbol in = layers::Input({1, 1, 3});
  for (const Scaling scaling : {Scaling::tf, Scaling::caffe, Scaling::torch}) {
    const imagenet_utils::Preprocessing preprocess(scaling);
    const Tensor ready = preprocess(x);
    const std::vector<float> expected{ready.at<float>(0), ready.at<float>(1), ready.at<float>(2)};
    Function step({}, {preprocess(Value(picture))});
    expect_values(step({})[0], expected);
    Model model({in}, {preprocess(in)});
    expect_values(model_from_config(to_config(model)).predict(x), expected);
  }
}

TEST(Deprocess, IsTheWayBack) {
  for (const Scaling scaling : {Scaling::tf, Scaling::caffe, Scaling::torch, Scaling::none}) {
    const Tensor ready = imagenet_utils::Preprocessing(scaling)(pixel);
    expect_values(imagenet_utils::Deprocessing(scaling)(ready), {0, 127.5f, 255});
  }
  expect_values(vgg19::deprocess(Tensor::from<float>({1, 1, 3}, {1000, 0, -1000})), {0, 116.779f, 255});
}

TEST(DecodePredictions, KnowsKerasClasses) {
  // imagenet_class_index.json as Keras downloads it, from our list.
  std::istringstream words(imagenet_classes);
  std::string json = "{", number, name;
  for (int i = 0; words >> number >> name; ++i)
    json += (i == 0 ? "\"" : ", \"") + std::to_string(i) + "\": [\"" + number + "\", \"" + name + "\"]";
  json += "}";
  EXPECT_EQ(data::hex_digest(data::Hash::md5, std::as_bytes(std::span(json))), "c2c37ea517e94d9795004a39431a14cb");
}

TEST(DecodePredictions, GivesTheLikeliestFirst) {
  std::vector<float> scores(2000, 0.0f);
  scores[207] = 0.5f;
  scores[1] = 0.25f;
  scores[1999] = 0.75f;
  const auto decoded = xception::decode_predictions(Tensor::from({2, 1000}, scores), 2);
  ASSERT_EQ(decoded.size(), 2u);
  ASSERT_EQ(decoded[0].size(), 2u);
  EXPECT_EQ(decoded[0][0].class_name, "n02099601");
  EXPECT_EQ(decoded[0][0].class_description, "golden_retriever");
  EXPECT_EQ(decoded[0][0].score, 0.5f);
  EXPECT_EQ(decoded[0][1].class_description, "goldfish");
  EXPECT_EQ(decoded[1][0].class_description, "toilet_tissue");
  EXPECT_EQ(imagenet_utils::decode_predictions(zeros({1, 1000}))[0].size(), 5u);
  EXPECT_EQ(imagenet_utils::decode_predictions(zeros({1, 1000}), 2000)[0].size(), 1000u);
}

TEST(DecodePredictions, WantsAThousandClasses) {
  EXPECT_ERROR(
      imagenet_utils::decode_predictions(zeros({1, 10})),
      "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape (samples, 1000)). Received array "
      "with shape: (1, 10)");
  EXPECT_ERROR(imagenet_utils::decode_predictions(zeros({1000})), "with shape: (1000,)");
  EXPECT_ERROR(imagenet_utils::decode_predictions(zeros({1, 1000}), 0), "expected top of at least 1; received 0");
}

}  // namespace
}  // namespace strata::applications
