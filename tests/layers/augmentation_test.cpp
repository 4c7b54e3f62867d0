#include "layers/augmentation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "core/base/json.h"
#include "core/ops/image.h"
#include "core/ops/ops.h"
#include "layers/input.h"
#include "layers/registry.h"
#include "tests/core/ops/image_goldens.h"
#include "tests/layers/augmentation_testing.h"

namespace strata {
namespace {

using testing::difference;
using testing::expect_error;
using testing::photos;
using testing::row;
using testing::run;
using testing::same;

std::vector<Layer> all_layers() {
  return {layers::RandomFlip("horizontal_and_vertical", {.seed = 1}),
          layers::RandomRotation(0.1, {.seed = 2}),
          layers::RandomZoom(0.2, {.seed = 3}),
          layers::RandomTranslation(0.2, {0.1, 0.3}, {.seed = 4}),
          layers::RandomShear(0.2, 0.1, {.seed = 5}),
          layers::RandomContrast(0.4, {.seed = 6}),
          layers::RandomBrightness(0.3, {.seed = 7}),
          layers::RandomHue(0.3, {.seed = 8}),
          layers::RandomSaturation({0.2, 0.8}, {.seed = 9}),
          layers::RandomColorDegeneration(0.7, {.seed = 10}),
          layers::RandomGrayscale(0.5, {.seed = 11}),
          layers::RandomSharpness(0.9, {.seed = 12}),
          layers::RandomPosterization(4, {.seed = 13}),
          layers::RandomInvert(1, {.seed = 14}),
          layers::Solarization(0.2, 0.5, {.seed = 15}),
          layers::RandomErasing({.scale = {0.2, 0.6}, .seed = 16}),
          layers::RandomColorJitter({.brightness_factor = 0.1, .contrast_factor = 0.2, .hue_factor = 0.3, .seed = 17})};
}

TEST(Augmentation, DoesWhatKerasDoesByTheSameNumbers) {
  const Tensor x = photos(1);
  const auto expect = [&](const Layer& layer, const std::vector<double>& wanted) {
    EXPECT_LT(difference(run(layer, {x}, Mode::train), 0, wanted), 3e-3) << layer.class_name();
  };
  expect(layers::RandomRotation({0.1, 0.1}), goldens::rotation_reflect);
  expect(layers::RandomRotation({0.3, 0.3}, {.fill_mode = "wrap", .interpolation = "nearest"}),
         goldens::rotation_wrap_nearest);
  expect(layers::RandomRotation({-0.2, -0.2}, {.fill_mode = "constant", .fill_value = 7}), goldens::rotation_constant);
  expect(layers::RandomRotation({0.05, 0.05}, {.fill_mode = "nearest"}), goldens::rotation_nearest);
  expect(layers::RandomZoom({0.3, 0.3}, {.width_factor = Interval{-0.2, -0.2}}), goldens::zoom);
  expect(layers::RandomZoom({0.5, 0.5}, {.fill_mode = "constant"}), goldens::zoom_both);
  expect(layers::RandomTranslation({0.3, 0.3}, {-0.4, -0.4}), goldens::translation);
  expect(layers::RandomContrast({-0.3, 0.3}), goldens::contrast);
  expect(layers::RandomBrightness({0.2, 0.2}), goldens::brightness);
  expect(layers::RandomSaturation({0.3, 0.3}), goldens::saturation_less);
  expect(layers::RandomSaturation({0.7, 0.7}), goldens::saturation_more);
  expect(layers::RandomColorDegeneration({0.4, 0.4}), goldens::degeneration);
}

TEST(Augmentation, TurnsHuesToBothSides) {
  const Tensor y = run(layers::RandomHue({0.4, 0.4}, {.seed = 3}), {photos(16)}, Mode::train);
  int up = 0, down = 0;
  for (std::int64_t i = 0; i < 16; ++i) {
    up += difference(y, i, goldens::hue_up) < 1e-3 ? 1 : 0;
    down += difference(y, i, goldens::hue_down) < 1e-3 ? 1 : 0;
  }
  EXPECT_EQ(up + down, 16);
  EXPECT_GT(up, 2);
  EXPECT_GT(down, 2);
}

TEST(Augmentation, FlipsHalfOfTheImages) {
  const Tensor x = photos(64), flipped = image::flip_left_right(x), turned = image::flip_up_down(flipped);
  for (const auto& [mode, other] : {std::pair{"horizontal", flipped}, {"horizontal_and_vertical", turned}}) {
    const Tensor y = run(layers::RandomFlip(mode, {.seed = 5}), {x}, Mode::train);
    int changed = 0;
    for (std::int64_t i = 0; i < 64; ++i) {
      const bool is_other = same(row(y, i), row(other, i));
      EXPECT_TRUE(is_other || same(row(y, i), row(x, i)));
      changed += is_other ? 1 : 0;
    }
    EXPECT_GT(changed, 16) << mode;
    EXPECT_LT(changed, 48) << mode;
  }
}

TEST(Augmentation, LeavesImagesAloneInInference) {
  const Tensor x = photos(12);
  for (const Layer& layer : all_layers()) {
    EXPECT_TRUE(same(run(layer, {x}), x)) << layer.class_name();
    EXPECT_FALSE(same(run(layer, {x}, Mode::train), x)) << layer.class_name();
    EXPECT_EQ(run(layer, {cast(x, DType::u8)}).dtype(), DType::f32) << layer.class_name();
  }
  const Tensor labels = full({12, 2}, 0.5);
  for (const Layer& layer : {layers::CutMix(), layers::MixUp()}) EXPECT_TRUE(same(run(layer, {x, labels}), x));
}

// The numbers of image i depend on i alone: neither on the other images nor on how many there are.
TEST(Augmentation, AnImageDoesNotDependOnItsNeighbours) {
  const Tensor few = photos(3), many = photos(12);
  for (std::size_t k = 0; k < all_layers().size(); ++k) {
    const Tensor a = run(all_layers()[k], {few}, Mode::train), b = run(all_layers()[k], {many}, Mode::train);
    for (std::int64_t i = 0; i < 3; ++i) EXPECT_TRUE(same(row(a, i), row(b, i))) << all_layers()[k].class_name();
    std::int64_t alike = 0;
    for (std::int64_t i = 0; i < 12; ++i) alike += same(row(b, 0), row(b, i)) ? 1 : 0;
    EXPECT_LT(alike, 12) << all_layers()[k].class_name();
  }
}

TEST(Augmentation, EachStepIsAnother) {
  const Value x = placeholder({2, 4, 5, 3}, DType::f32);
  const Layer layer = layers::RandomBrightness(0.5, {.seed = 1});
  const Function f({x}, {layer(x, Mode::train)});
  const Tensor first = f({photos(2)})[0];
  EXPECT_FALSE(same(f({photos(2)})[0], first));
}

TEST(RandomCrop, CutsTheSamePartOfAllImages) {
  const Tensor x = concatenate(Tensors{photos(1), photos(1)}, 0);
  std::set<float> corners;
  for (std::int64_t seed = 0; seed < 20; ++seed) {
    const Tensor y = run(layers::RandomCrop(2, 3, {.seed = seed}), {x}, Mode::train);
    ASSERT_EQ(y.shape(), (Shape{2, 2, 3, 3}));
    EXPECT_TRUE(same(row(y, 0), row(y, 1)));
    bool found = false;
    for (std::int64_t top = 0; top <= 2; ++top)
      for (std::int64_t left = 0; left <= 2; ++left) found |= same(y, image::crop(x, top, left, 2, 3));
    EXPECT_TRUE(found);
    corners.insert(y.at<float>(0));
  }
  EXPECT_GT(corners.size(), 4u);
  // Not larger in both directions: the middle, resized where it is too small.
  EXPECT_TRUE(same(run(layers::RandomCrop(4, 3), {x}, Mode::train), image::crop(x, 0, 1, 4, 3)));
  EXPECT_EQ(run(layers::RandomCrop(6, 6), {x}, Mode::train).shape(), (Shape{2, 6, 6, 3}));
  EXPECT_TRUE(same(run(layers::RandomCrop(4, 3), {x}), image::crop(x, 0, 1, 4, 3)));
}

/// Eight images of one number each, 0 to 7, and their one-hot labels.
Tensors numbered() {
  Tensor x(DType::f32, {8, 6, 10, 1}), labels(DType::f32, {8, 8});
  for (std::size_t i = 0; i < 480; ++i) x.mutable_data<float>()[i] = static_cast<float>(i / 60);
  for (std::size_t i = 0; i < 64; ++i) labels.mutable_data<float>()[i] = i % 9 == 0 ? 1.0f : 0.0f;
  return {x, labels};
}
Tensors mixed(const Layer& layer) {
  const Values places{placeholder({8, 6, 10, 1}, DType::f32), placeholder({8, 8}, DType::f32)};
  return Function(places, layer(places, Mode::train))(numbered());
}

TEST(MixUp, MixesImagesAndLabelsAlike) {
  const Tensors y = mixed(layers::MixUp({.alpha = 0.9, .seed = 4}));
  int mixtures = 0;
  for (std::int64_t i = 0; i < 8; ++i) {
    double expected = 0, total = 0;
    for (std::int64_t k = 0; k < 8; ++k) {
      const double share = y[1].at<float>(8 * i + k);
      expected += static_cast<double>(k) * share, total += share;
      mixtures += share > 0.05 && share < 0.95 ? 1 : 0;
    }
    EXPECT_NEAR(total, 1, 1e-6);
    for (std::int64_t p = 0; p < 60; ++p) EXPECT_NEAR(y[0].at<float>(60 * i + p), expected, 1e-5);
  }
  EXPECT_GT(mixtures, 4);
}

TEST(CutMix, PutsARectangleOfAnotherImageIn) {
  const Tensors y = mixed(layers::CutMix({.seed = 6}));
  int cuts = 0;
  for (std::int64_t i = 0; i < 8; ++i) {
    std::set<float> others;
    std::int64_t count = 0, top = 6, bottom = -1, left = 10, right = -1;
    for (std::int64_t r = 0; r < 6; ++r)
      for (std::int64_t c = 0; c < 10; ++c) {
        const float v = y[0].at<float>(60 * i + 10 * r + c);
        if (v == static_cast<float>(i)) continue;
        others.insert(v), ++count;
        top = std::min(top, r), bottom = std::max(bottom, r), left = std::min(left, c), right = std::max(right, c);
      }
    EXPECT_LE(others.size(), 1u);
    if (others.empty()) continue;
    ++cuts;
    EXPECT_EQ(count, (bottom - top + 1) * (right - left + 1)) << "not a rectangle";
    // The label counts the rectangle's area, of which pixels are a rounding.
    const double share = y[1].at<float>(8 * i + static_cast<std::int64_t>(*others.begin()));
    EXPECT_NEAR(share, static_cast<double>(count) / 60, 0.25);
    EXPECT_NEAR(share + y[1].at<float>(9 * i), 1, 1e-6);
  }
  EXPECT_GT(cuts, 3);
}

TEST(Augmentation, ReadsKerassConfigsAndWritesThem) {
  const auto remade = [](const std::string& class_name, const std::string& arguments) {
    Layer layer;
    from_config(parse_json(R"({"module": "keras.layers", "class_name": ")" + class_name +
                               R"(", "config": {"name": "a", "trainable": true, )" +
                               R"("dtype": "float32", "data_format": "channels_last", )" + arguments +
                               R"(}, "registered_name": null})",
                           "test"),
                layer);
    EXPECT_EQ(layer.class_name(), class_name);
    return layer.config();
  };
  EXPECT_EQ(remade("RandomFlip", R"("seed": 3, "mode": "vertical")"),
            layers::RandomFlip("vertical", {.seed = 3}).config());
  EXPECT_EQ(
      remade(
          "RandomRotation",
          R"("factor": [-0.1, 0.1], "fill_mode": "reflect", "fill_value": 0.0, "interpolation": "bilinear", "seed": null)"),
      layers::RandomRotation(0.1).config());
  EXPECT_EQ(
      remade(
          "RandomZoom",
          R"("height_factor": 0.1, "width_factor": [0.1, 0.2], "fill_mode": "wrap", "interpolation": "bilinear", "seed": null, "fill_value": 0.0)"),
      layers::RandomZoom(0.1, {.width_factor = Interval{0.1, 0.2}, .fill_mode = "wrap"}).config());
  EXPECT_EQ(
      remade(
          "RandomTranslation",
          R"("height_factor": 0.1, "width_factor": [0.1, 0.2], "fill_mode": "reflect", "interpolation": "nearest", "seed": 1, "fill_value": 2.0)"),
      layers::RandomTranslation(0.1, {0.1, 0.2}, {.interpolation = "nearest", .seed = 1, .fill_value = 2}).config());
  EXPECT_EQ(
      remade(
          "RandomShear",
          R"("x_factor": [-0.1, 0.1], "y_factor": [-0.2, 0.2], "fill_mode": "reflect", "interpolation": "bilinear", "seed": null, "fill_value": 0.0)"),
      layers::RandomShear(0.1, 0.2).config());
  EXPECT_EQ(remade("RandomCrop", R"("height": 3, "width": 4, "seed": 880677966)"),
            layers::RandomCrop(3, 4, {.seed = 880677966}).config());
  EXPECT_EQ(remade("RandomContrast", R"("factor": [0, 0.2], "value_range": [0, 255], "seed": null)"),
            layers::RandomContrast(0.2).config());
  EXPECT_EQ(remade("RandomBrightness", R"("factor": [-0.2, 0.2], "value_range": [0, 1], "seed": null)"),
            layers::RandomBrightness(0.2, {.value_range = {0, 1}}).config());
  EXPECT_EQ(remade("RandomHue", R"("factor": [0, 0.2], "value_range": [0, 255], "seed": null)"),
            layers::RandomHue(0.2).config());
  EXPECT_EQ(remade("RandomSaturation", R"("factor": [-0.2, 0.2], "value_range": [0, 255], "seed": null)"),
            layers::RandomSaturation(0.2).config());
  EXPECT_EQ(remade("RandomColorDegeneration", R"("factor": [-0.2, 0.2], "value_range": [0, 255], "seed": null)"),
            layers::RandomColorDegeneration(0.2).config());
  EXPECT_EQ(remade("RandomGrayscale", R"("factor": 0.3)"), layers::RandomGrayscale(0.3).config());
  EXPECT_EQ(remade("RandomSharpness", R"("factor": [0, 0.3], "value_range": [0, 255], "seed": null)"),
            layers::RandomSharpness(0.3).config());
  EXPECT_EQ(remade("RandomInvert", R"("factor": [0, 1.0], "value_range": [0, 255], "seed": null)"),
            layers::RandomInvert().config());
  EXPECT_EQ(remade("RandomPosterization", R"("factor": [1, 4], "value_range": [0, 255], "seed": null)"),
            layers::RandomPosterization(4).config());
  EXPECT_EQ(
      remade("Solarization",
             R"("value_range": [0, 255], "addition_factor": [0, 0.1], "threshold_factor": [0.2, 0.3], "seed": 2)"),
      layers::Solarization(0.1, {0.2, 0.3}, {.seed = 2}).config());
  EXPECT_EQ(remade("AutoContrast", R"("value_range": [0, 1])"), layers::AutoContrast({.value_range = {0, 1}}).config());
  EXPECT_EQ(remade("Equalization", R"("bins": 128, "value_range": [0, 255])"),
            layers::Equalization({.bins = 128}).config());
  EXPECT_EQ(
      remade(
          "RandomColorJitter",
          R"("value_range": [0, 255], "brightness_factor": null, "contrast_factor": [0.1, 0.2], "saturation_factor": null, "hue_factor": 0.1, "seed": null)"),
      layers::RandomColorJitter({.contrast_factor = Interval{0.1, 0.2}, .hue_factor = 0.1}).config());
  EXPECT_EQ(
      remade(
          "RandomErasing",
          R"("factor": [0, 1.0], "scale": [0.02, 0.33], "fill_value": [1, 2, 3], "value_range": [0, 255], "seed": null)"),
      layers::RandomErasing({.fill_value = {{1, 2, 3}}}).config());
  EXPECT_EQ(
      remade("RandAugment",
             R"("value_range": [0, 255], "num_ops": 2, "factor": [0, 0.5], "interpolation": "bilinear", "seed": null)"),
      layers::RandAugment().config());
  EXPECT_EQ(remade("CutMix", R"("factor": [0, 1.0], "seed": null)"), layers::CutMix().config());
  EXPECT_EQ(remade("MixUp", R"("alpha": 0.4, "seed": null)"), layers::MixUp({.alpha = 0.4}).config());
}

// Keras shifts bits by what is drawn: a float would be an error there.
TEST(Augmentation, WritesWholeNumbersAsIntegers) {
  const Config config = layers::RandomPosterization(4).config();
  for (const ConfigValue& end : config.at("factor").as_list())
    EXPECT_TRUE(std::holds_alternative<std::int64_t>(end.variant()));
}

TEST(Augmentation, ErrorsAreKerass) {
  expect_error(
      [] { layers::RandomRotation(1.5); },
      "The `factor` argument should be a number (or a list of two numbers) in the range [-1, 1]. Received: factor=1.5");
  expect_error([] { layers::RandomContrast(-0.1); }, "in the range [0, 1]. Received: factor=-0.1");
  expect_error([] { layers::RandomHue({1.5, 2}); }, "Received: factor=(1.5, 2)");
  expect_error([] { layers::RandomZoom(-1); }, "in the range (-1.0, 1.0]. Received: input_number=-1");
  expect_error([] { layers::RandomTranslation(0.1, 2); }, "in the range [-1.0, 1.0]. Received: input_number=2");
  expect_error(
      [] { layers::RandomRotation(0.1, {.fill_mode = "mirror", .name = "turn"}); },
      "RandomRotation 'turn'] Unknown `fill_mode` mirror. Expected of one ('reflect', 'wrap', 'constant', 'nearest').");
  expect_error([] { layers::RandomZoom(0.1, {.interpolation = "cubic"}); }, "Unknown `interpolation` cubic.");
  expect_error([] { layers::RandomFlip("diagonal"); }, "\"diagonal\"");
  expect_error([] { layers::RandomFlip("vertical", {.data_format = "channels_first"}); }, "a Permute before the layer");
  expect_error([] { layers::RandomBrightness(0.1, {.value_range = 3.0}); }, "should be a list of two numbers");
  expect_error([] { layers::RandomCrop(0, 3); }, "`height`");
  expect_error([] { layers::RandomGrayscale(1.5); }, "`factor` should be between 0 and 1. Received: factor=1.5");
  expect_error([] { layers::RandomSharpness(1.5); }, "in the range [0, 1]. Received: factor=1.5");
  expect_error([] { layers::RandomPosterization(9); }, "in the range [1, 8]. Received: factor=9");
  expect_error(
      [] {
        layers::RandomPosterization({1.5, 4});
      },
      "two integers) in the range [1, 8]. Received: factor=1.5");
  expect_error(
      [] {
        layers::Solarization(0.1, {0.5, 2});
      },
      "`threshold_factor` arguments should be a number (or a list of two numbers) in the range [0, 1]. "
      "Received: input_number=2");
  expect_error([] { layers::Solarization(0, 0, {.value_range = {3, 3}}); }, "a value_range of two different numbers");
  expect_error([] { layers::Equalization({.bins = 0}); }, "1 to 65536 bins; received 0");
  expect_error([] { layers::AutoContrast({.data_format = "channels_first"}); }, "a Permute before the layer");
  expect_error([] { layers::RandomErasing({.scale = 1.5}); }, "The `scale` argument should be a number");
  expect_error([] { layers::RandomErasing({.fill_value = {{1, 2, 3}}})(layers::Input({4, 4, 1})); }, "to have value 3");
  expect_error([] { layers::RandomColorJitter({.hue_factor = 2}); }, "RandomHue] The `factor` argument");
  expect_error([] { layers::RandomColorJitter({.hue_factor = 0.2})(layers::Input({4, 4, 1})); }, "to have value 3");
  expect_error([] { layers::RandAugment({.num_ops = -1, .name = "r"}); },
               "RandAugment 'r'] expected num_ops from 0 to 100; received -1");
  expect_error([] { layers::RandAugment({.interpolation = "cubic"}); }, "RandAugment] Unknown `interpolation` cubic.");
  expect_error([] { layers::RandAugment()(layers::Input({4, 4, 1})); }, "to have value 3");
  expect_error([] { layers::MixUp({.alpha = 0}); }, "expected an alpha above 0");
  expect_error([] { layers::RandomHue(0.1)(layers::Input({4, 4, 1})); }, "to have value 3");
  expect_error([] { layers::RandomFlip()(layers::Input({4, 4})); }, "expected min_ndim=4");
  expect_error([] { layers::MixUp()({layers::Input({4, 4, 1}), layers::Input({1, 2})}); }, "labels");
}

}  // namespace
}  // namespace strata
