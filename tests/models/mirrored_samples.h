#pragma once

#include <gtest/gtest.h>
#include <strata/strata.h>

#include <vector>

/// What tests of replicas train on and compare.
namespace strata::testing {

/// For regression: n samples of 6 numbers with 3 targets, on the processor; the same in every call.
struct Samples {
  explicit Samples(std::int64_t n) {
    const DeviceScope processor("cpu:0");
    utils::set_random_seed(3);
    x = random::normal({n, 6});
    y = random::normal({n, 3});
  }
  Tensor x, y;
};

/// All numbers, one tensor after the other.
inline std::vector<double> flat(const Tensors& tensors) {
  std::vector<double> all;
  for (const Tensor& t : tensors)
    for (std::int64_t i = 0; i < t.size(); ++i) all.push_back(t.at<double>(i));
  return all;
}

inline void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance) << "at " << i;
}

}  // namespace strata::testing
