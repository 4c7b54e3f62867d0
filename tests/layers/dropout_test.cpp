#include "layers/dropout.h"

#include "core/device/seed.h"
#include "core/ops/binary.h"
#include "layers/input.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

Tensor ones_of(const Shape& shape) {
  return Tensor::from(shape, std::vector<float>(static_cast<std::size_t>(shape.elements()), 1.0f));
}

std::vector<float> numbers(const Tensor& t) { return {t.data<float>().begin(), t.data<float>().end()}; }

TEST(Dropout, NothingHappensInInferenceOrAtRateZero) {
  const Tensor x = Tensor::from({1, 3}, {1.0f, 2.0f, 3.0f});
  expect_values(run(layers::Dropout(0.9), {x}), {1, 2, 3});
  expect_values(run(layers::Dropout(0.0), {x}, Mode::train), {1, 2, 3});
  expect_values(run(layers::Dropout(1.0), {x}, Mode::train), {0, 0, 0});
}

TEST(Dropout, ScalesWhatStays) {
  const auto y = numbers(run(layers::Dropout(0.25, {.seed = 1}), {ones_of({100, 100})}, Mode::train));
  std::size_t dropped = 0;
  for (const float v : y) {
    if (v == 0)
      ++dropped;
    else
      EXPECT_FLOAT_EQ(v, 1 / 0.75f);
  }
  EXPECT_NEAR(static_cast<double>(dropped) / 10000, 0.25, 0.02);
}

TEST(Dropout, EachStepDrawsAnewAndTheSeedDecides) {
  const auto steps = [](std::int64_t seed) {
    const Value x = placeholder({4, 8});
    const Function f({x}, {layers::Dropout(0.5, {.seed = seed})(x, Mode::train)});
    std::vector<std::vector<float>> y;
    for (int i = 0; i < 2; ++i) y.push_back(numbers(f({ones_of({4, 8})})[0]));
    return y;
  };
  const auto first = steps(7);
  EXPECT_NE(first[0], first[1]);
  EXPECT_EQ(first, steps(7));
  EXPECT_NE(first, steps(8));
}

// Two calls within one call of an outer layer differ; the same graph for another batch draws the same rows.
struct Twice : layers::Definition {
  Layer dropout = layers::Dropout(0.5, {.seed = 3});
  Value call(Value x, Mode mode) override { return dropout(x, mode) + 10.0 * dropout(x, mode); }
  Layers sublayers() const override { return {dropout}; }
};

TEST(Dropout, CallsWithinOneStepDiffer) {
  const Layer twice = layers::make<Twice>();
  const auto y = numbers(run(twice, {ones_of({8, 8})}, Mode::train));
  bool differs = false;
  for (const float v : y) differs = differs || v == 2 || v == 20;
  EXPECT_TRUE(differs);
}

TEST(Dropout, GraphsOfOtherBatchSizesDrawTheSame) {
  const auto rows = [](std::int64_t batch) {
    const auto y = numbers(run(layers::make<Twice>(), {ones_of({batch, 8})}, Mode::train));
    return std::vector<float>(y.begin(), y.begin() + 16);
  };
  EXPECT_EQ(rows(2), rows(5));
}

TEST(Dropout, NoiseShapeSharesAFate) {
  const Tensor y = run(layers::Dropout(0.5, {.noise_shape = {-1, 1}, .seed = 2}), {ones_of({64, 3})}, Mode::train);
  bool dropped = false, kept = false;
  for (std::int64_t row = 0; row < 64; ++row) {
    EXPECT_EQ(y.at<float>(3 * row), y.at<float>(3 * row + 1));
    EXPECT_EQ(y.at<float>(3 * row), y.at<float>(3 * row + 2));
    (y.at<float>(3 * row) == 0 ? dropped : kept) = true;
  }
  EXPECT_TRUE(dropped && kept);
}

TEST(Dropout, SpatialDropsWholeChannels) {
  const Tensor y = run(layers::SpatialDropout2D(0.5, {.seed = 2}), {ones_of({4, 3, 3, 8})}, Mode::train);
  bool dropped = false, kept = false;
  for (std::int64_t image = 0; image < 4; ++image)
    for (std::int64_t channel = 0; channel < 8; ++channel) {
      const float fate = y.at<float>(image * 72 + channel);
      for (std::int64_t pixel = 0; pixel < 9; ++pixel) EXPECT_EQ(y.at<float>(image * 72 + pixel * 8 + channel), fate);
      (fate == 0 ? dropped : kept) = true;
    }
  EXPECT_TRUE(dropped && kept);
}

TEST(Dropout, HasStateButNoWeights) {
  const Layer dropout = layers::Dropout(0.5, {.seed = 9});
  EXPECT_EQ(dropout(layers::Input({4})).shape(), Shape({open_dim, 4}));
  EXPECT_TRUE(dropout.weights().empty());
  ASSERT_EQ(dropout.base().own_state().size(), 1u);
  EXPECT_EQ(dropout.base().own_state()[0].value().at<int>(0), 9);
  EXPECT_EQ(dropout.config().at("rate").as_double(), 0.5);
  EXPECT_EQ(dropout.config().at("seed").as_int(), 9);
  EXPECT_TRUE(layers::Dropout(0.5).config().at("seed").is_null());
}

TEST(Dropout, Errors) {
  expect_error([] { layers::Dropout(1.5, {.name = "drop"}); },
               "[Dropout 'drop'] Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
               "Received: rate=1.5");
  expect_error([] { layers::SpatialDropout2D(0.5, {.data_format = "channels_first"}); }, "'channels_first'");
  expect_error(
      [] {
        layers::SpatialDropout2D(0.5, {.name = "s"})(layers::Input({3, 3}));
      },
      "[SpatialDropout2D 's'] expected min_ndim=4, found ndim=3; received full shape [?,3,3]");
  expect_error(
      [] {
        layers::Dropout(0.5, {.noise_shape = {-1, 2}, .name = "d"})(layers::Input({3}));
      },
      "[Dropout 'd'] expected a noise_shape that broadcasts to the input's shape [?,3]");
}

}  // namespace
}  // namespace strata
