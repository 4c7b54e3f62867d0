#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "layers/layer.h"

namespace strata::testing {

/// The call fails with an Error whose text contains `part`.
template <class F>
void expect_error(F&& call, const std::string& part) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    return;
  }
  ADD_FAILURE() << "no error; expected one with: " << part;
}

/// What the layer computes of these tensors.
inline Tensor run(const Layer& layer, const Tensors& inputs, Mode mode = Mode::infer) {
  Values places;
  for (const Tensor& t : inputs) places.push_back(placeholder(t.shape(), t.dtype()));
  return Function(places, layer(places, mode))(inputs)[0];
}

inline void expect_values(const Tensor& got, const std::vector<float>& wanted, float tolerance = 1e-6f) {
  ASSERT_EQ(got.size(), static_cast<std::int64_t>(wanted.size()));
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(got.at<float>(static_cast<std::int64_t>(i)), wanted[i], tolerance) << "at " << i;
}

}  // namespace strata::testing
