#include "layers/noise.h"

#include <cmath>

#include "layers/activity_regularization.h"
#include "layers/dropout.h"
#include "layers/input.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

struct Statistics {
  double mean = 0, deviation = 0;
};
Statistics statistics_of(const Tensor& t) {
  double sum = 0, squares = 0;
  for (const float x : t.data<float>()) sum += x, squares += static_cast<double>(x) * x;
  const auto n = static_cast<double>(t.size());
  return {sum / n, std::sqrt(squares / n - sum * sum / (n * n))};
}

/// 40000 times the same number.
Tensor many(float value) { return Tensor::from({200, 200}, std::vector<float>(40000, value)); }

TEST(Noise, NothingHappensInInferenceOrAtZero) {
  const Tensor x = Tensor::from({1, 3}, {1.0f, 2.0f, 3.0f});
  for (const Layer& layer : {layers::GaussianNoise(0.5), layers::GaussianDropout(0.5), layers::AlphaDropout(0.5)})
    expect_values(run(layer, {x}), {1, 2, 3});
  for (const Layer& layer : {layers::GaussianNoise(0), layers::GaussianDropout(0), layers::AlphaDropout(0)})
    expect_values(run(layer, {x}, Mode::train), {1, 2, 3});
}

TEST(Noise, GaussianNoiseAddsAndGaussianDropoutMultiplies) {
  const Statistics added = statistics_of(run(layers::GaussianNoise(0.25, {.seed = 1}), {many(3)}, Mode::train));
  EXPECT_NEAR(added.mean, 3, 0.01);
  EXPECT_NEAR(added.deviation, 0.25, 0.005);
  const Statistics scaled = statistics_of(run(layers::GaussianDropout(0.2, {.seed = 1}), {many(3)}, Mode::train));
  EXPECT_NEAR(scaled.mean, 3, 0.03);
  EXPECT_NEAR(scaled.deviation, 3 * 0.5, 0.03);  // 3 sqrt(0.2 / 0.8)
}

// Numbers with mean 0 and variance 1 keep both; what is dropped becomes one number, below all others.
TEST(Noise, AlphaDropoutKeepsMoments) {
  const Tensor x = run(layers::GaussianNoise(1, {.seed = 2}), {many(0)}, Mode::train);
  const Tensor y = run(layers::AlphaDropout(0.3, {.seed = 1}), {x}, Mode::train);
  const Statistics kept = statistics_of(y);
  EXPECT_NEAR(kept.mean, 0, 0.02);
  EXPECT_NEAR(kept.deviation, 1, 0.02);
  // a lowest + b with lowest = -1.7581, a = (0.7 (1 + 0.3 lowest^2))^-0.5, b = -0.3 a lowest
  int dropped = 0;
  for (const float v : y.data<float>()) dropped += std::abs(v + 1.0595475f) < 1e-4f ? 1 : 0;
  EXPECT_NEAR(dropped / 40000.0, 0.3, 0.01);
}

TEST(Noise, AlphaDropoutSharesAFate) {
  const Tensor y = run(layers::AlphaDropout(0.5, {.noise_shape = {-1, 1}, .seed = 2}),
                       {Tensor::from({64, 3}, std::vector<float>(192, 1.0f))}, Mode::train);
  for (std::int64_t row = 0; row < 64; ++row) {
    EXPECT_EQ(y.at<float>(3 * row), y.at<float>(3 * row + 1));
    EXPECT_EQ(y.at<float>(3 * row), y.at<float>(3 * row + 2));
  }
}

TEST(Noise, EachStepDrawsAnew) {
  const Value x = placeholder({2, 4});
  const Function f({x}, {layers::GaussianNoise(1, {.seed = 4})(x, Mode::train)});
  const Tensor zeros = Tensor::from({2, 4}, std::vector<float>(8, 0.0f));
  const Tensor first = f({zeros})[0].clone(), second = f({zeros})[0];
  EXPECT_NE(first.at<float>(0), second.at<float>(0));
}

TEST(Noise, SpatialDropoutDropsWholeChannels) {
  const Tensor x = Tensor::from({16, 3, 4}, std::vector<float>(192, 1.0f));
  for (const Tensor& y : {run(layers::SpatialDropout1D(0.5, {.seed = 2}), {x}, Mode::train),
                          run(layers::SpatialDropout3D(0.5, {.seed = 3}), {x.with_shape({16, 1, 3, 1, 4})}, Mode::train)}) {
    bool dropped = false, kept = false;
    for (std::int64_t i = 0; i < 192; ++i) {
      const float fate = y.at<float>(i / 12 * 12 + i % 4);
      EXPECT_EQ(y.at<float>(i), fate);
      (fate == 0 ? dropped : kept) = true;
    }
    EXPECT_TRUE(dropped && kept);
  }
}

TEST(Noise, ActivityRegularizationAddsItsPenaltyForEachSample) {
  const Value x = placeholder({2, 2});
  const Value y = layers::ActivityRegularization({.l1 = 0.5, .l2 = 2.0})(x);
  const Effects effects = collect_effects({y});
  ASSERT_EQ(effects.losses.size(), 1u);
  const Tensor input = Tensor::from({2, 2}, {1.0f, -2.0f, 0.0f, 3.0f});
  expect_values(Function({x}, {effects.losses[0].value})({input})[0], {(0.5f * 6 + 2 * 14) / 2});
}

TEST(Noise, Errors) {
  expect_error([] { layers::GaussianNoise(1.5, {.name = "n"}); },
               "[GaussianNoise 'n'] Invalid value received for argument `stddev`. Expected a float value between 0 and 1. "
               "Received: stddev=1.5");
  expect_error([] { layers::GaussianDropout(-0.5); }, "Received: rate=-0.5");
  expect_error([] { run(layers::AlphaDropout(1, {.name = "a"}), {many(1)}, Mode::train); },
               "[AlphaDropout 'a'] expected a rate below 1 in training");
  expect_error([] { layers::SpatialDropout3D(0.5)(layers::Input({3, 3})); }, "found ndim=3");
}

}  // namespace
}  // namespace strata
