#include "core/ops/batch_norm.h"

#include "tests/core/ops/compiled_gradient.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

// Two channels: 1, 3, 5, 7 with mean 4 and variance 5; 2, 2, 4, 4 with mean 3 and variance 1.
const std::vector<double> two_channels = {1, 2, 3, 2, 5, 4, 7, 4};

TEST(BatchNorm, ByHand) {
  const double s = 1 / std::sqrt(5.0);
  for (const DType d : {DType::f32, DType::f64}) {
    const Tensor gamma = cast(floats({2}, {2, 1}), d), beta = cast(floats({2}, {0, 10}), d);
    for (const Shape& shape : {Shape{4, 2}, Shape{2, 2, 2}, Shape{1, 2, 2, 2}}) {
      const auto [y, mean, variance] = batch_norm(cast(doubles(shape, two_channels), d), gamma, beta, 0);
      EXPECT_EQ(y.shape(), shape);
      expect_near(y, {-6 * s, 9, -2 * s, 9, 2 * s, 11, 6 * s, 11});
      expect_near(mean, {4, 3});
      expect_near(variance, {5, 1});
    }
  }
}

TEST(BatchNorm, SixteenBits) {
  const Tensor x = cast(doubles({4, 2}, two_channels), DType::bf16);
  const Tensor one = cast(floats({2}, {1, 1}), DType::bf16), zero = cast(floats({2}, {0, 0}), DType::bf16);
  const auto y = batch_norm(x, one, zero, 0.0);
  EXPECT_EQ(y.output.dtype(), DType::bf16);
  expect_near(y.mean, {4, 3});
  expect_near(y.variance, {5, 1});
  expect_near(y.output, {-1.3416, -1, -0.4472, -1, 0.4472, 1, 1.3416, 1}, 1e-2);
}

// What plans of mixed precision make of it: images in bf16, everything else in f32.
TEST(BatchNorm, NarrowImagesBesideWideVectors) {
  const auto wide = [](const Tensor& t) { return cast(t, DType::f32); };
  for (const bool relu : {false, true})
    for (const DType narrow : {DType::f16, DType::bf16}) {
      const Tensor x = cast(spread({300, 7}, 0), narrow), g = cast(spread({300, 7}, 1), narrow);
      const Tensor gamma = cast(spread({7}, 2) + 1.5, DType::f32), beta = cast(spread({7}, 3), DType::f32);
      const BatchNormTrain op{1e-3, relu, 1.5};
      const Tensors y = apply_all(op, x, gamma, beta), expected = apply_all(op, wide(x), gamma, beta);
      EXPECT_EQ(y[0].dtype(), narrow);
      EXPECT_EQ(numbers(y[0]), numbers(cast(expected[0], narrow))) << "rounded once";
      expect_near(y[1], numbers(expected[1]), 1e-6);
      expect_near(y[2], numbers(expected[2]), 1e-6);
      const BatchNormGradient gradient{1e-3, relu, 1.5};
      Tensors in{g, x, gamma, y[1], y[2]};
      if (relu) in.push_back(beta);
      Tensors in_f32 = in;
      in_f32[0] = wide(g), in_f32[1] = wide(x);
      const Tensors slopes = apply_all(gradient, in), wide_slopes = apply_all(gradient, in_f32);
      EXPECT_EQ(slopes[0].dtype(), narrow);
      EXPECT_EQ(slopes[1].dtype(), DType::f32);
      expect_near(slopes[0], numbers(wide_slopes[0]), 2e-2);
      expect_near(slopes[1], numbers(wide_slopes[1]), 1e-4);
      expect_near(slopes[2], numbers(wide_slopes[2]), 1e-4);
    }
  EXPECT_THROW(apply_all(BatchNormTrain{}, cast(ones({2, 3}), DType::f64), ones({3}), ones({3})), Error);
}

TEST(BatchNorm, WhatItAddsIsOfTheImagesType) {
  const Tensor x = doubles({4, 2}, two_channels), pair = doubles({2}, {1, 1});
  const BatchNormTrain op{.adds = true};
  EXPECT_EQ(error_of([&] { apply_all(op, x, pair, pair); }), "[batch_norm] expected 4 inputs; received 3");
  EXPECT_EQ(error_of([&] { apply_all(op, x, pair, pair, pair); }),
            "[batch_norm] expected something to add of type f64[4,2]; received f64[2]");
}

/// Rows of f32 numbers around `centre`, and their statistics in f64.
struct Crowd {
  Tensor x, mean, variance;
  Crowd(std::int64_t rows, std::int64_t channels, double centre)
      : x(cast(spread({rows, channels}, 0) + centre, DType::f32)),
        mean(strata::mean(cast(x, DType::f64), {0})),
        variance(strata::variance(cast(x, DType::f64), {0})) {}
};

TEST(BatchNorm, ManyRowsFarFromZero) {
  for (const std::int64_t channels : {1, 3, 32, 70}) {
    const Crowd crowd(40000, channels, 100);
    const Tensor one = ones({channels}), zero = zeros({channels});
    const auto y = batch_norm(crowd.x, one, zero, 1e-3);
    expect_near(y.mean, numbers(crowd.mean), 1e-6);
    expect_near(y.variance, numbers(crowd.variance), 1e-5);
  }
}

TEST(BatchNorm, GradientsOfManyRowsInSinglePrecision) {
  const Crowd crowd(40000, 3, 1);
  const Tensor gamma = floats({3}, {1, 2, -1}), beta = floats({3}, {0, 1, 2});
  const Tensor g = cast(spread({40000, 3}, 1) + 0.5, DType::f32);
  const auto f = [](const Values& v) { return batch_norm(v[0], v[1], v[2]).output; };
  const Tensors slopes = gradients_of(f, {crowd.x, gamma, beta}, g);
  const auto wide = [](const Tensor& t) { return cast(t, DType::f64); };
  const Tensors exact = gradients_of(f, {wide(crowd.x), wide(gamma), wide(beta)}, wide(g));
  for (std::size_t i = 0; i < 3; ++i) expect_near(slopes[i], numbers(exact[i]), 1e-5);
}

TEST(BatchNorm, RepeatsBitForBit) {
  const Crowd crowd(20000, 16, 0);
  const Tensor one = ones({16}), zero = zeros({16});
  const std::vector<double> first = numbers(batch_norm(crowd.x, one, zero).output);
  for (int repeat = 0; repeat < 3; ++repeat) EXPECT_EQ(numbers(batch_norm(crowd.x, one, zero).output), first);
}

TEST(BatchNorm, GradientsAgainstDifferences) {
  for (const Shape& shape : {Shape{5, 3}, Shape{2, 3, 2, 3}})
    check_compiled_gradient([](const Values& v) { return batch_norm(v[0], v[1], v[2], 1e-2).output; },
                            {spread(shape, 0), spread({3}, 1), spread({3}, 2)});
}

TEST(BatchNorm, StatisticsStopGradients) {
  const auto statistics = [](const Values& v) { return batch_norm(v[0], v[1], v[2]).mean; };
  EXPECT_NE(error_of([&] {
              gradients_of(statistics, {spread({4, 2}, 0), spread({2}, 1), spread({2}, 2)}, spread({2}, 3));
            }).find("statistics of a batch cannot be differentiated"),
            std::string::npos);
}

TEST(BatchNorm, InferenceIsAnExpressionWithItsGradient) {
  const Tensor x = doubles({2, 2}, {1, 2, 3, 4}), gamma = doubles({2}, {2, 1}), beta = doubles({2}, {1, 0});
  const Tensor mean = doubles({2}, {1, 3}), variance = doubles({2}, {4, 0.25});
  expect_near(batch_norm_inference(x, gamma, beta, mean, variance, 0.0), {1, -2, 3, 2});
  check_compiled_gradient([](const Values& v) { return batch_norm_inference(v[0], v[1], v[2], v[3], v[4]); },
                          {x, gamma, beta, mean, variance});
}

TEST(BatchNorm, Errors) {
  const Tensor x = doubles({4, 2}, two_channels), pair = doubles({2}, {1, 1}), three = doubles({3}, {1, 1, 1});
  EXPECT_EQ(error_of([&] { batch_norm(x, three, pair); }),
            "[batch_norm] expected f64[2] beside f64[4,2]; received f64[3]");
  EXPECT_NE(error_of([&] { batch_norm(pair, pair, pair); }), "");
  EXPECT_NE(error_of([&] { batch_norm(cast(x, DType::i32), pair, pair); }), "");
  EXPECT_NE(error_of([&] { layer_norm(x, pair, three); }), "");
}

TEST(LayerNorm, ByHand) {
  const double s = 1 / std::sqrt(5.0);
  for (const DType d : {DType::f32, DType::f64, DType::bf16}) {
    const Tensor x = cast(doubles({2, 4}, {1, 3, 5, 7, 2, 2, 4, 4}), d);
    const Tensor gamma = cast(floats({4}, {1, 1, 2, 2}), d), beta = cast(floats({4}, {0, 1, 0, 1}), d);
    const Tensor y = layer_norm(x, gamma, beta, 0);
    EXPECT_EQ(y.type(), x.type());
    expect_near(y, {-3 * s, 1 - s, 2 * s, 1 + 6 * s, -1, 0, 2, 3}, d == DType::bf16 ? 1e-2 : 1e-6);
  }
}

TEST(LayerNorm, LongRowsFarFromZero) {
  const Crowd crowd(3, 1000, 0);
  const Tensor x = crowd.x + 100, wide = cast(x, DType::f64), one = ones({1000}), zero = zeros({1000});
  const Tensor m = mean(wide, {1}, {.keepdims = true}), v = variance(wide, {1}, {.keepdims = true});
  expect_near(layer_norm(x, one, zero), numbers((wide - m) * rsqrt(v + 1e-3)), 2e-5);
}

TEST(LayerNorm, GradientsAgainstDifferences) {
  for (const Shape& shape : {Shape{4, 5}, Shape{2, 3, 5}})
    check_compiled_gradient([](const Values& v) { return layer_norm(v[0], v[1], v[2], 1e-2); },
                            {spread(shape, 0), spread({5}, 1), spread({5}, 2)});
}

TEST(LayerNorm, Symbols) {
  const Symbol x = input_symbol("x", {open_dim, 8, 6}, DType::f32), v = mean(x, {0, 1});
  EXPECT_EQ(layer_norm(x, v, v).shape(), (Shape{open_dim, 8, 6}));
}

}  // namespace
}  // namespace strata
