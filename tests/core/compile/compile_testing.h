#pragma once

// What the tests of the compiler share.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/compile/function.h"
#include "core/ops/ops.h"

namespace strata::testing {

inline Tensor floats(const Shape& shape, const std::vector<float>& v) { return Tensor::from(shape, v); }

inline std::vector<float> numbers(const Tensor& t) {
  const auto x = t.data<float>();
  return {x.begin(), x.end()};
}

inline Tensor counted(const Shape& shape, float first = 0, float step = 1) {
  Tensor t(DType::f32, shape);
  for (float& x : t.mutable_data<float>()) {
    x = first;
    first += step;
  }
  return t;
}

/// What ops the plan's steps run, in order.
inline std::vector<std::string> ops_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlanStep& step : plan.steps()) names.push_back(step.op);
  return names;
}
using Names = std::vector<std::string>;

inline const PlanOptions node_by_node{.fuse = false, .reuse_memory = false};

/// The message of the Error that f throws; empty when it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

/// A layer of one function: it calls `body` in a scope of its own and hangs what that adds onto the result.
template <class F>
Value in_layer(const std::string& name, F&& body) {
  CallScope scope(name, Mode::train, true);
  return scope.attach({body()})[0];
}

}  // namespace strata::testing
