#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/ops/image.h"
#include "core/ops/ops.h"
#include "layers/augmentation.h"
#include "tests/layers/augmentation_goldens.h"
#include "tests/layers/augmentation_testing.h"

namespace strata {
namespace {

using testing::difference;
using testing::photos;
using testing::row;
using testing::run;
using testing::same;

TEST(RandomColorJitter, IsKerass) {
  const Tensor y = run(layers::RandomColorJitter({.brightness_factor = Interval{0.1, 0.1},
                                                  .contrast_factor = Interval{-0.3, 0.3},
                                                  .saturation_factor = Interval{0.3, 0.3}}),
                       {photos(1)}, Mode::train);
  EXPECT_LT(difference(y, 0, goldens::jitter), 3e-3);
  EXPECT_TRUE(same(run(layers::RandomColorJitter(), {photos(1)}, Mode::train), photos(1)));
}

/// Calls a layer over and over, each time with other numbers.
class Repeated {
 public:
  Repeated(const Layer& layer, const Tensor& x) : x_(x) {
    const Value place = placeholder(x.shape(), x.dtype());
    function_ = Function({place}, {layer(place, Mode::train)});
  }
  Tensor operator()() { return function_({x_})[0]; }

 private:
  Tensor x_;
  Function function_;
};

using Outcomes = std::map<std::string, Tensor>;
bool close(const Tensor& a, const Tensor& b) {
  double largest = 0;
  for (std::int64_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.at<float>(i)) - b.at<float>(i)));
  return largest < 2e-3;
}
/// The name of the outcome that it is; "" for none of them.
std::string name_of(const Tensor& got, const Outcomes& outcomes) {
  for (const auto& [name, wanted] : outcomes)
    if (close(got, wanted)) return name;
  return "";
}

/// What the eleven layers make of images with a factor of 0.
Outcomes without_strength(const Tensor& x) {
  Outcomes outcomes{{"six that change nothing", x}};
  for (const Layer& layer : {layers::RandomSharpness({0, 0}), layers::RandomPosterization(1), layers::Solarization(),
                             layers::AutoContrast(), layers::Equalization()})
    outcomes[layer.class_name()] = run(layer, {x}, Mode::train);
  return outcomes;
}

TEST(RandAugment, ChoosesOneOfElevenForTheWholeBatch) {
  const Tensor x = photos(2) * 0.7 + 20;
  const Outcomes outcomes = without_strength(x);
  Repeated augment(layers::RandAugment({.num_ops = 1, .factor = {0, 0}, .seed = 1}), x);
  std::map<std::string, int> counts;
  for (int i = 0; i < 220; ++i) ++counts[name_of(augment(), outcomes)];
  ASSERT_EQ(counts.size(), 6u);
  for (const auto& [name, count] : counts) {
    const int expected = name == "six that change nothing" ? 120 : 20;
    EXPECT_NEAR(count, expected, expected == 20 ? 15 : 30) << name;
  }
}

TEST(RandAugment, AppliesAsManyAsItIsTold) {
  const Tensor x = photos(1) * 0.7 + 20;
  Outcomes outcomes;
  for (const auto& [first, y] : without_strength(x))
    for (const auto& [second, z] : without_strength(y)) outcomes[first + ", " + second] = z;
  Repeated augment(layers::RandAugment({.factor = {0, 0}, .seed = 2}), x);
  std::map<std::string, int> counts;
  for (int i = 0; i < 100; ++i) ++counts[name_of(augment(), outcomes)];
  EXPECT_FALSE(counts.contains(""));
  EXPECT_GT(counts.size(), 7u);
  EXPECT_TRUE(same(run(layers::RandAugment({.num_ops = 0}), {x}, Mode::train), x));
}

TEST(RandAugment, GivesItsFactorToAll) {
  const Tensor x = photos(1);
  const Interval f{0.3, 0.3};
  Outcomes outcomes;
  for (const Layer& layer : {layers::RandomTranslation(f, f), layers::RandomRotation(f), layers::RandomBrightness(f),
                             layers::RandomColorDegeneration(f), layers::RandomSharpness(f),
                             layers::RandomPosterization(1), layers::AutoContrast(), layers::Equalization()})
    outcomes[layer.class_name()] = run(layer, {x}, Mode::train);
  for (const float side : {-0.3f, 0.3f}) {
    const Tensor along = full({1, 1}, side);
    outcomes[side < 0 ? "sheared left" : "sheared right"] =
        image::affine_transform(x, image::shears(along, along), {.fill_mode = "reflect"});
  }
  Repeated augment(layers::RandAugment({.num_ops = 1, .factor = f, .seed = 3}), x);
  std::map<std::string, int> counts;
  for (int i = 0; i < 220; ++i) ++counts[name_of(augment(), outcomes)];
  EXPECT_EQ(counts.size(), 11u);
  EXPECT_NEAR(counts[""], 40, 20);  // RandomContrast and Solarization, which draw all the same
}

TEST(RandAugment, IsOfUseInTrainingOnly) {
  const Tensor x = photos(3);
  const Layer layer = layers::RandAugment({.seed = 9});
  EXPECT_TRUE(same(run(layer, {x}), x));
  EXPECT_TRUE(same(run(layer, {x}, Mode::train), run(layers::RandAugment({.seed = 9}), {x}, Mode::train)));
  EXPECT_FALSE(same(run(layer, {x}, Mode::train), run(layers::RandAugment({.seed = 10}), {x}, Mode::train)));
  EXPECT_EQ(layer.count_params(), 0);
}

// Grey images come out of RandomBrightness and of Solarization lighter, each by another amount.
TEST(RandAugment, EachImageHasItsOwnStrength) {
  const Tensor x = full({4, 4, 5, 3}, 100);
  Repeated augment(layers::RandAugment({.num_ops = 1, .factor = 0.3, .seed = 5}), x);
  bool seen = false;
  for (int i = 0; i < 60 && !seen; ++i) {
    const Tensor y = augment();
    bool all = true;
    for (std::int64_t n = 0; n < 4; ++n) {
      const float v = y.at<float>(60 * n);
      all = all && v > 100 && v < 100 + 0.3f * 255 && same(row(y, n), full({1, 4, 5, 3}, v));
    }
    seen = all && y.at<float>(0) != y.at<float>(60) && y.at<float>(60) != y.at<float>(120);
  }
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace strata
