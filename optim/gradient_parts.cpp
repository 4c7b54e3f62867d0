#include "optim/gradient_parts.h"

#include <optional>

#include "core/ops/ops.h"

namespace strata::optimizers {

namespace {
using Function = std::function<Value(const Value&)>;

/// Nothing when the gradient is no list of rows: that of `gather` along the first axis, or several that gradients() has
/// added up. The result is such a gradient again.
std::optional<Value> map_rows(const Value& gradient, const Function& f) {
  const Node& node = *gradient.node();
  if (const auto* rows = node.op().as<ScatterAdd>(); rows && rows->axis == 0)
    return scatter_add(node.input(0), f(node.input(1)), rows->shape);
  if (!node.op().as<Accumulate>()) return std::nullopt;
  const auto a = map_rows(node.input(0), f);
  const auto b = a ? map_rows(node.input(1), f) : std::nullopt;
  return b ? std::optional(apply(Accumulate{}, *a, *b)) : std::nullopt;
}
}  // namespace

Value map_parts(const Value& gradient, const Function& f) {
  const auto of_rows = map_rows(gradient, f);
  return of_rows ? *of_rows : f(gradient);
}

Value square_of_gradient(const Value& gradient) {
  return map_parts(gradient, [](const Value& x) { return square(x); });
}

Value abs_of_gradient(const Value& gradient) {
  return map_parts(gradient, [](const Value& x) { return abs(x); });
}

}  // namespace strata::optimizers
