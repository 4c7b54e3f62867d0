#pragma once

// What the tests of ops share.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/graph/apply.h"
#include "core/graph/gradients.h"

namespace strata::testing {

/// The elements as doubles.
inline std::vector<double> numbers(const Tensor& t) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < t.size(); ++i) out.push_back(t.at<double>(i));
  return out;
}

inline void expect_near(const Tensor& got, const std::vector<double>& expected, double tolerance = 1e-6) {
  ASSERT_EQ(got.size(), static_cast<std::int64_t>(expected.size())) << to_string(got);
  for (std::int64_t i = 0; i < got.size(); ++i) {
    const double x = got.at<double>(i), y = expected[static_cast<std::size_t>(i)];
    if (std::isnan(y))
      EXPECT_TRUE(std::isnan(x)) << "element " << i << " of " << to_string(got);
    else if (std::isinf(y))
      EXPECT_EQ(x, y) << "element " << i;
    else
      EXPECT_NEAR(x, y, tolerance * std::max(1.0, std::abs(y))) << "element " << i << " of " << to_string(got);
  }
}

/// A graph's value with its constants, node by node, no compiler involved.
inline Tensor evaluate(const Value& v) {
  std::vector<std::pair<const Node*, Tensors>> done;
  for (const NodePtr& node : topological_order({v})) {
    Tensors inputs;
    for (const Value& in : node->inputs())
      for (const auto& [key, outputs] : done)
        if (key == in.node().get()) inputs.push_back(outputs[static_cast<std::size_t>(in.index())]);
    if (const auto* c = node->op().as<Constant>())
      done.emplace_back(node.get(), Tensors{c->tensor});
    else
      done.emplace_back(node.get(), apply_all(node->op(), inputs));
  }
  return done.back().second[static_cast<std::size_t>(v.index())];
}

/// d sum(weights * f(inputs)) / d inputs[i], by the gradient rules.
inline Tensors gradients_of(const std::function<Value(const Values&)>& f, const Tensors& inputs, const Tensor& weights) {
  Values in;
  for (const Tensor& t : inputs) in.push_back(constant(t));
  const Values g = strata::gradients({f(in)}, {constant(weights)}, in);
  Tensors out;
  for (const Value& v : g) out.push_back(v ? evaluate(v) : Tensor());
  return out;
}

/// The message of the Error that f throws; empty when it throws none.
inline std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

inline Tensor floats(const Shape& shape, const std::vector<float>& v) { return Tensor::from(shape, v); }
inline Tensor doubles(const Shape& shape, const std::vector<double>& v) { return Tensor::from(shape, v); }

/// Central differences in f64 against the gradient rules, for every element of every floating input.
inline void check_gradient(const std::function<Value(const Values&)>& f, const Tensors& inputs, double tolerance = 1e-6) {
  Values in;
  for (const Tensor& t : inputs) in.push_back(constant(t));
  const Tensor y = evaluate(f(in));
  Tensor weights(DType::f64, y.shape());
  for (std::int64_t i = 0; i < y.size(); ++i)
    weights.mutable_data<double>()[static_cast<std::size_t>(i)] = std::cos(1.0 + 2.0 * static_cast<double>(i));
  const auto objective = [&](const Tensors& at) {
    Values v;
    for (const Tensor& t : at) v.push_back(constant(t));
    const Tensor out = evaluate(f(v));
    double total = 0;
    for (std::int64_t i = 0; i < out.size(); ++i) total += out.at<double>(i) * weights.at<double>(i);
    return total;
  };
  const Tensors analytic = gradients_of(f, inputs, weights);
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (inputs[k].dtype() != DType::f64) continue;
    ASSERT_TRUE(analytic[k].defined()) << "no gradient reaches input " << k;
    ASSERT_EQ(analytic[k].shape(), inputs[k].shape());
    for (std::int64_t i = 0; i < inputs[k].size(); ++i) {
      const double h = 1e-5;
      Tensors up = inputs, down = inputs;
      up[k] = inputs[k].clone();
      down[k] = inputs[k].clone();
      up[k].mutable_data<double>()[static_cast<std::size_t>(i)] += h;
      down[k].mutable_data<double>()[static_cast<std::size_t>(i)] -= h;
      const double numeric = (objective(up) - objective(down)) / (2 * h), rule = analytic[k].at<double>(i);
      EXPECT_NEAR(rule, numeric, tolerance * std::max(1.0, std::abs(numeric))) << "input " << k << ", element " << i;
    }
  }
}

}  // namespace strata::testing
