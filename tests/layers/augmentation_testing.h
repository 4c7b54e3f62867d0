#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/layers/layer_testing.h"

namespace strata::testing {

/// The image that the goldens are made of, `count` times.
inline Tensor photos(std::int64_t count) {
  Tensor x(DType::f32, {count, 4, 5, 3});
  for (std::int64_t i = 0; i < x.size(); ++i)
    x.mutable_data<float>()[static_cast<std::size_t>(i)] =
        static_cast<float>(static_cast<double>(37 * (i % 60) % 101) / 100 * 255);
  return x;
}

/// The largest between image number `image`, of 60 numbers, and the wanted one.
inline double difference(const Tensor& got, std::int64_t image, const std::vector<double>& wanted) {
  double largest = 0;
  for (std::size_t i = 0; i < 60; ++i)
    largest = std::max(largest, std::abs(got.at<float>(60 * image + static_cast<std::int64_t>(i)) - wanted[i]));
  return largest;
}
inline bool same(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::ranges::equal(a.data<float>(), b.data<float>());
}
inline Tensor row(const Tensor& t, std::int64_t i) { return t.rows(i, i + 1); }

}  // namespace strata::testing
