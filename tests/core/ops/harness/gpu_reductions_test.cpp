#include <gtest/gtest.h>

#include <cmath>

#include "core/device/cuda.h"
#include "core/ops/arg_reduce.h"
#include "core/ops/batch_norm.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/pool.h"
#include "core/ops/reduce.h"
#include "core/ops/softmax.h"
#include "tests/core/ops/harness/harness.h"

// What a GPU's kernels do beyond the samples of each op: sizes at which they cut the work, and what cannot be an error
// there.
namespace strata::harness {
namespace {

const Device gpu{DeviceKind::gpu, 0};

class GpuReductions : public ::testing::Test {
 protected:
  void SetUp() override {
    if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << config::why_no_gpu();
  }
};

Tensors on_gpu(const Op& op, const Tensors& inputs) {
  Tensors there, back;
  for (const Tensor& t : inputs) there.push_back(t.to(gpu));
  for (const Tensor& t : apply_all(op, there)) back.push_back(t.to(Device{}));
  return back;
}

template <class T>
std::vector<T> elements(const Tensor& t) {
  return {t.data<T>().begin(), t.data<T>().end()};
}

TEST_F(GpuReductions, ThatTakeSeveralPasses) {
  const auto check_sum = [](const Shape& shape, const Axes& axes) {
    check_gpu({.label = to_string(shape), .op = Sum{axes, false}, .inputs = {uniform(shape, -1, 1, 1)}, .floor = 100});
  };
  check_sum({200003}, {});  // one long row: stretches, then their results
  check_sum({3, 70001}, {1});
  check_sum({30011, 3}, {0});  // few columns: parts, then their results
  check_sum({2, 3001, 20}, {1});
  check_sum({3, 31, 800}, {1});        // many columns
  check_sum({20, 70, 3, 60}, {0, 2});  // two stages of different kinds
  check_gpu(
      {.label = "max", .op = ReduceMax{{0}, true}, .inputs = {shuffled({30011, 3}, 0.01, 1)}, .slope = Slope::none});
  check_gpu({.label = "mean of integers",
             .op = Mean{{}, false},
             .inputs = {integers({200003}, -50, 100, 1, DType::i64)},
             .as_given = true});
  check_gpu({.label = "all",
             .op = All{{0}, false},
             .inputs = {integers({40000, 2}, 0, 2, 1, DType::boolean)},
             .as_given = true});
}

TEST_F(GpuReductions, OfLongRowsAndManyColumns) {
  check_gpu({.label = "row", .op = Softmax{-1}, .inputs = {uniform({3, 5003}, -6, 6, 1)}, .floor = 1e-2});
  check_gpu(
      {.label = "columns", .op = LogSoftmax{1}, .inputs = {uniform({2, 9, 17000}, -6, 6, 1)}, .slope = Slope::none});
  check_gpu({.label = "classes",
             .op = SparseSoftmaxCrossEntropy{},
             .inputs = {integers({3}, 0, 3000, 1), uniform({3, 3000}, -6, 6, 2)}});
  check_gpu({.label = "layer norm",
             .op = LayerNorm{1e-3},
             .inputs = {uniform({5, 2049}, -2, 3, 1), uniform({2049}, 0.5, 2, 2), uniform({2049}, -1, 1, 3)},
             .tolerance = 1e-5});
  check_gpu({.label = "argmax", .op = ArgMax{-1}, .inputs = {to_dtype(integers({2, 5003}, 0, 700, 1), DType::f64)}});
}

// Packs of 16 bytes, several rows to a line where the channels do not fill them, rows that are left over, and from one
// part of a column to thousands.
TEST_F(GpuReductions, OfBatchNormsWithFewAndManyChannels) {
  for (const Shape& shape : {Shape{20011, 1}, {5003, 3}, {4001, 12}, {3, 2048}, {300, 1001}, {2, 9, 9, 728}}) {
    const Shape channels{shape.back()};
    const Tensor x = uniform(shape, -2, 3, 1), gamma = uniform(channels, 0.5, 2, 2), beta = uniform(channels, -1, 1, 3),
                 more = uniform(shape, -1, 1, 4), mean = uniform(channels, 0, 1, 5),
                 variance = uniform(channels, 1, 3, 6);
    const std::string what = to_string(shape);
    check_gpu({.label = what,
               .op = BatchNormTrain{},
               .inputs = {x, gamma, beta},
               .tolerance = 2e-5,
               .slope = Slope::refused});
    check_gpu({.label = what + " relu, sum",
               .op = BatchNormTrain{.relu = true, .adds = true},
               .inputs = {x, gamma, beta, more},
               .tolerance = 2e-5,
               .slope = Slope::refused});
    check_gpu({.label = what + " gradient",
               .op = BatchNormGradient{},
               .inputs = {more, x, gamma, mean, variance},
               .tolerance = 2e-5,
               .floor = 100,
               .slope = Slope::refused});
  }
}

// What plans of mixed precision make of it.
TEST_F(GpuReductions, OfBatchNormsWithNarrowImagesBesideWideVectors) {
  for (const DType type : {DType::f16, DType::bf16}) {
    const Shape shape{301, 24}, channels{24};
    const auto image = [&](unsigned seed) { return to_dtype(uniform(shape, -2, 3, seed), type); };
    const auto vector = [&](double low, double high, unsigned seed) {
      return to_dtype(uniform(channels, low, high, seed), DType::f32);
    };
    const Tensor x = image(1), g = image(2), gamma = vector(0.5, 2, 3), beta = vector(-1, 1, 4);
    // The processor has no sweep in f16, and so no rounding between the normalization and the ceiling.
    const double ceiling = type == DType::bf16 ? 2.0 : INFINITY;
    const Tensors y = on_gpu(BatchNormTrain{1e-3, true, ceiling}, {x, gamma, beta});
    EXPECT_EQ(y[0].dtype(), type);
    EXPECT_EQ(y[1].dtype(), DType::f32);
    const Tensors same = apply_all(BatchNormTrain{1e-3, true, ceiling}, x, gamma, beta);
    const BatchNormGradient gradient{1e-3, true, ceiling};
    const Tensors slopes = on_gpu(gradient, {g, x, gamma, y[1], y[2], beta});
    const Tensors same_slopes = apply_all(gradient, g, x, gamma, y[1], y[2], beta);
    const auto compare = [&](const Tensor& a, const Tensor& b, double tolerance) {
      ASSERT_EQ(a.type(), b.type());
      const Tensor p = to_dtype(a, DType::f64), q = to_dtype(b, DType::f64);
      for (std::int64_t k = 0; k < p.size(); ++k)
        EXPECT_NEAR(p.at<double>(k), q.at<double>(k), tolerance * std::max(1.0, std::abs(q.at<double>(k)))) << k;
    };
    const double unit = type == DType::f16 ? 0x1p-10 : 0x1p-7;
    compare(y[0], same[0], unit);
    compare(y[1], same[1], 1e-6);
    compare(y[2], same[2], 1e-5);
    compare(slopes[0], same_slopes[0], 4 * unit);
    compare(slopes[1], same_slopes[1], 1e-4);
    compare(slopes[2], same_slopes[2], 1e-4);
  }
}

// The deviations are a hundred-thousandth of the mean: sums of squares would lose them all in f32.
TEST_F(GpuReductions, VarianceBesideALargeMean) {
  const std::int64_t rows = 20011;
  Tensor x = uniform({rows, 3}, 0, 1, 1);
  for (double& v : x.mutable_data<double>()) v = std::round(v * 1024) / 1024 + 4096;  // exact in f32
  const Tensor one = Tensor::from<double>({3}, {1, 1, 1});
  const Tensors exact = on_gpu(BatchNormTrain{}, {x, one, one});
  const Tensors f32 =
      on_gpu(BatchNormTrain{}, {to_dtype(x, DType::f32), to_dtype(one, DType::f32), to_dtype(one, DType::f32)});
  for (std::int64_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(exact[2].at<double>(c), 1.0 / 12, 2e-3);
    EXPECT_NEAR(f32[1].at<float>(c), exact[1].at<double>(c), 1e-3);
    EXPECT_NEAR(f32[2].at<float>(c) / exact[2].at<double>(c), 1, 1e-3);
  }
}

TEST_F(GpuReductions, LabelsThatAreNoClassGiveNaN) {
  const Tensor x = Tensor::from<float>({3, 2}, {0, 0, 1, 2, 0, 0}), g = Tensor::from<float>({3}, {1, 1, 1});
  for (const std::int64_t wrong : {2, -1}) {
    const Tensor labels = Tensor::from<std::int64_t>({3}, {0, wrong, 1});
    const Tensor loss = on_gpu(SparseSoftmaxCrossEntropy{}, {labels, x})[0];
    const Tensor slope = on_gpu(SparseSoftmaxCrossEntropyGradient{}, {labels, x, g})[0];
    EXPECT_NEAR(loss.at<float>(0), std::log(2.0), 1e-6);
    EXPECT_NEAR(slope.at<float>(5), -0.5, 1e-6);
    EXPECT_TRUE(std::isnan(loss.at<float>(1)));
    EXPECT_TRUE(std::isnan(slope.at<float>(2)) && std::isnan(slope.at<float>(3)));
  }
}

TEST_F(GpuReductions, NumbersThatAreNone) {
  const float nan = std::nanf(""), inf = INFINITY;
  const Tensor x = Tensor::from<float>({2, 5}, {1, nan, 3, nan, 2, -inf, -inf, inf, 0, -inf});
  EXPECT_EQ(elements<std::int64_t>(on_gpu(ArgMax{-1}, {x})[0]), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(elements<std::int64_t>(on_gpu(TopK{5}, {x})[1]), (std::vector<std::int64_t>{1, 3, 2, 4, 0, 2, 3, 0, 1, 4}));
  EXPECT_TRUE(std::isnan(on_gpu(ReduceMax{{1}}, {x})[0].at<float>(0)));
  EXPECT_EQ(on_gpu(ReduceMin{{1}}, {x})[0].at<float>(1), -inf);
  const Tensor in = on_gpu(InTopK{std::int64_t{1} << 62}, {Tensor::from<std::int32_t>({2}, {0, 3}), x})[0];
  EXPECT_FALSE(in.at<bool>(0) || in.at<bool>(1));
  const Tensor image = Tensor::from<float>({1, 2, 2, 1}, {1, nan, nan, 2}), g = Tensor::from<float>({1, 1, 1, 1}, {7});
  const Tensor top = on_gpu(MaxPool2D{}, {image})[0];
  EXPECT_TRUE(std::isnan(top.at<float>(0)));
  EXPECT_EQ(elements<float>(on_gpu(MaxPool2DGradient{}, {image, top, g})[0]), (std::vector<float>{0, 7, 0, 0}));
}

TEST_F(GpuReductions, IndicesOutsideAreLeftOut) {
  const Tensor x = Tensor::from<float>({1, 3}, {1, 2, 3}), indices = Tensor::from<std::int64_t>({1, 2}, {3, 1});
  EXPECT_EQ(elements<float>(on_gpu(TopKSelect{}, {x, indices})[0]), (std::vector<float>{0, 2}));
  const Tensor g = Tensor::from<float>({1, 2}, {5, 6});
  EXPECT_EQ(elements<float>(on_gpu(TopKGradient{3}, {g, indices})[0]), (std::vector<float>{0, 6, 0}));
}

TEST_F(GpuReductions, LongRowsAreSortedByTheProcessor) {
  const auto has_kernel = [](std::int64_t n, std::int64_t k) {
    const Type x{DType::f32, {2, n}};
    return Op(TopK{k}).prepare(Cuda::of(0).target(), {{x}, TopK{k}.infer(std::span(&x, 1))}).has_value();
  };
  EXPECT_TRUE(has_kernel(1 << 20, 5));
  EXPECT_TRUE(has_kernel(1000, 1000));
  EXPECT_FALSE(has_kernel(1 << 20, 1 << 20));
}

}  // namespace
}  // namespace strata::harness
