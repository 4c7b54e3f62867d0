#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/compile/function.h"
#include "core/graph/gradients.h"
#include "core/ops/ops.h"

namespace strata::testing {

/// Different numbers between -1 and 1, the same in every run; no two are close.
inline Tensor spread(const Shape& shape, double phase) {
  Tensor t(DType::f64, shape);
  std::int64_t i = 0;
  for (double& v : t.mutable_data<double>()) v = std::sin(phase + 2.399963 * static_cast<double>(i++));
  return t;
}

/// The gradient rules against central differences in f64, both through a compiled Function, for every element of every
/// floating input. The objective is sum(f(inputs) * weights) with weights that differ.
inline void check_compiled_gradient(const std::function<Value(const Values&)>& f, const Tensors& inputs,
                                    double tolerance = 1e-6) {
  Values in, wrt;
  for (const Tensor& t : inputs) {
    in.push_back(placeholder(t.shape(), t.dtype()));
    if (t.dtype() == DType::f64) wrt.push_back(in.back());
  }
  const Value y = f(in);
  const Value objective = sum(y * constant(spread(y.shape(), 0.3)));
  const Values slopes = gradients(objective, wrt);
  for (const Value& slope : slopes) ASSERT_TRUE(slope) << "an input without a gradient";
  const Function value(in, {objective}), gradient(in, slopes);
  const Tensors rules = gradient(inputs);
  std::size_t rule = 0;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (inputs[k].dtype() != DType::f64) continue;
    ASSERT_EQ(rules[rule].shape(), inputs[k].shape());
    for (std::int64_t i = 0; i < inputs[k].size(); ++i) {
      const double h = 1e-5;
      const auto moved = [&](double by) {
        Tensors at = inputs;
        at[k] = inputs[k].clone();
        at[k].mutable_data<double>()[static_cast<std::size_t>(i)] += by;
        return value(at)[0].item<double>();
      };
      const double numeric = (moved(h) - moved(-h)) / (2 * h);
      EXPECT_NEAR(rules[rule].at<double>(i), numeric, tolerance * std::max(1.0, std::abs(numeric)))
          << "input " << k << ", element " << i;
    }
    ++rule;
  }
}

}  // namespace strata::testing
