#include "layers/initializers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/device/seed.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;

std::vector<double> values_of(const Tensor& t) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < t.size(); ++i) values.push_back(t.at<double>(i));
  return values;
}

double mean_of(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}

double deviation_of(const std::vector<double>& v) {
  const double mean = mean_of(v);
  double total = 0;
  for (const double x : v) total += (x - mean) * (x - mean);
  return std::sqrt(total / static_cast<double>(v.size()));
}

double largest_of(const std::vector<double>& v) {
  double largest = 0;
  for (const double x : v) largest = std::max(largest, std::fabs(x));
  return largest;
}

TEST(Initializers, Constants) {
  EXPECT_EQ(values_of(initializers::Zeros()({2, 2})), std::vector<double>(4, 0.0));
  EXPECT_EQ(values_of(initializers::Ones()({3}, DType::i32)), std::vector<double>(3, 1.0));
  EXPECT_EQ(values_of(initializers::Constant(-1.5)({2}, DType::f64)), std::vector<double>(2, -1.5));
  EXPECT_EQ(values_of(initializers::Identity({.gain = 2.0})({2, 3})), (std::vector<double>{2, 0, 0, 0, 2, 0}));
}

// Keras's fans, seen through the limit sqrt(3 / n) of a uniform distribution: 1/3 of its square is 1 / n.
TEST(Initializers, FansFollowKeras) {
  struct Case {
    Shape shape;
    double in, out;
  };
  const std::vector<Case> cases{{{700}, 700, 700},          {{50, 90}, 50, 90},        {{3, 40, 60}, 120, 180},
                                {{3, 3, 80, 16}, 720, 144}, {{3, 3, 800, 1}, 7200, 9}, {{2, 3, 4, 50, 6}, 1200, 144}};
  for (const Case& c : cases) {
    const auto largest = [&](const char* mode) {
      return largest_of(
          values_of(initializers::VarianceScaling({.mode = mode, .distribution = "uniform", .seed = 1})(c.shape)));
    };
    EXPECT_NEAR(largest("fan_in") / std::sqrt(3 / c.in), 1.0, 0.02) << to_string(c.shape);
    EXPECT_NEAR(largest("fan_out") / std::sqrt(3 / c.out), 1.0, 0.02) << to_string(c.shape);
    EXPECT_NEAR(largest("fan_avg") / std::sqrt(6 / (c.in + c.out)), 1.0, 0.02) << to_string(c.shape);
  }
}

TEST(Initializers, Distributions) {
  const Shape shape{200, 300};
  const auto check = [&](const Initializer& i, double mean, double deviation, double largest, double margin) {
    const auto v = values_of(i(shape));
    EXPECT_NEAR(mean_of(v), mean, 0.02 * deviation) << i.class_name();
    EXPECT_NEAR(deviation_of(v) / deviation, 1.0, 0.01) << i.class_name();
    EXPECT_NEAR(largest_of(v) / largest, 1.0, margin) << i.class_name();
  };
  const double truncated = 0.87962566103423978;
  check(initializers::RandomNormal({.mean = 0.0, .stddev = 0.1, .seed = 1}), 0, 0.1, 0.43, 0.15);
  check(initializers::RandomUniform({.minval = -1, .maxval = 1, .seed = 1}), 0, 1 / std::sqrt(3.0), 1, 0.001);
  check(initializers::TruncatedNormal({.stddev = 0.3, .seed = 1}), 0, 0.3 * truncated, 0.6, 0.001);
  check(initializers::GlorotUniform({.seed = 1}), 0, std::sqrt(1 / 250.0), std::sqrt(3 / 250.0), 0.001);
  check(initializers::GlorotNormal({.seed = 1}), 0, std::sqrt(1 / 250.0), 2 * std::sqrt(1 / 250.0) / truncated, 0.001);
  check(initializers::HeUniform({.seed = 1}), 0, std::sqrt(2 / 200.0), std::sqrt(6 / 200.0), 0.001);
  check(initializers::HeNormal({.seed = 1}), 0, std::sqrt(2 / 200.0), 2 * std::sqrt(2 / 200.0) / truncated, 0.001);
  check(initializers::LecunUniform({.seed = 1}), 0, std::sqrt(1 / 200.0), std::sqrt(3 / 200.0), 0.001);
  check(initializers::LecunNormal({.seed = 1}), 0, std::sqrt(1 / 200.0), 2 * std::sqrt(1 / 200.0) / truncated, 0.001);
  check(initializers::VarianceScaling({.distribution = "untruncated_normal", .seed = 1}), 0, std::sqrt(1 / 200.0),
        4.3 * std::sqrt(1 / 200.0), 0.15);
}

TEST(Initializers, OrthogonalOnTheSmallerSide) {
  for (const Shape& shape : {Shape{40, 30}, Shape{30, 40}, Shape{3, 3, 4, 20}, Shape{5, 5}}) {
    const auto q = values_of(initializers::Orthogonal({.gain = 0.9, .seed = 4})(shape));
    const auto columns = static_cast<std::size_t>(shape.back()), rows = q.size() / columns;
    const bool tall = rows >= columns;
    const std::size_t small = std::min(rows, columns), large = std::max(rows, columns);
    for (std::size_t a = 0; a < small; ++a)
      for (std::size_t b = 0; b < small; ++b) {
        double product = 0;
        for (std::size_t i = 0; i < large; ++i)
          product += tall ? q[i * columns + a] * q[i * columns + b] : q[a * columns + i] * q[b * columns + i];
        EXPECT_NEAR(product, a == b ? 0.81 : 0.0, 1e-6) << to_string(shape);
      }
  }
}

TEST(Initializers, SeedsDecide) {
  EXPECT_EQ(values_of(initializers::HeNormal({.seed = 3})({4, 4})),
            values_of(initializers::HeNormal({.seed = 3})({4, 4})));
  EXPECT_NE(values_of(initializers::HeNormal({.seed = 3})({4, 4})),
            values_of(initializers::HeNormal({.seed = 4})({4, 4})));
  const Initializer drawn = "glorot_uniform";
  utils::set_random_seed(5);
  const auto first = values_of(drawn({4, 4})), second = values_of(drawn({4, 4}));
  EXPECT_NE(first, second);
  utils::set_random_seed(5);
  EXPECT_EQ(values_of(drawn({4, 4})), first);
}

TEST(Initializers, NamesAndConfigs) {
  for (const char* name : {"glorot_uniform", "GlorotUniform"})
    EXPECT_EQ(Initializer(name).class_name(), "GlorotUniform");
  EXPECT_EQ(Initializer("normal").class_name(), "RandomNormal");
  EXPECT_EQ(Initializer("uniform").class_name(), "RandomUniform");
  EXPECT_EQ(Initializer("zero").class_name(), "Zeros");
  EXPECT_EQ(Initializer("one").class_name(), "Ones");
  EXPECT_EQ(Initializer("OrthogonalInitializer").class_name(), "Orthogonal");
  EXPECT_EQ(Initializer("IdentityInitializer").class_name(), "Identity");
  EXPECT_TRUE(Initializer("he_normal").config().at("seed").is_null());
  EXPECT_EQ(initializers::HeNormal({.seed = 3}).config().at("seed").as_int(), 3);
  EXPECT_EQ(initializers::RandomNormal().config().at("stddev").as_double(), 0.05);
}

TEST(Initializers, Errors) {
  expect_error([] { Initializer("foo"); }, "Could not interpret initializer identifier: foo");
  expect_error([] { initializers::Orthogonal()({3}); }, "expected a shape of at least two dimensions; received [3]");
  expect_error([] { initializers::Identity()({3}); }, "expected a shape of two dimensions; received [3]");
  expect_error([] { initializers::VarianceScaling({.scale = -1}); }, "must be positive float. Received: scale=-1");
  expect_error([] { initializers::VarianceScaling({.mode = "fan"}); }, "Invalid `mode` argument: fan");
  expect_error([] { initializers::VarianceScaling({.distribution = "normal"}); },
               "Invalid `distribution` argument: normal");
}

}  // namespace
}  // namespace strata
