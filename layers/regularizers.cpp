#include "layers/regularizers.h"

#include <cmath>
#include <map>

#include "core/graph/names.h"
#include "core/ops/matmul.h"
#include "core/ops/ops.h"
#include "layers/checks.h"

namespace strata {

Regularizer::Regularizer(const char* identifier) : Regularizer(std::string(identifier)) {}

Regularizer::Regularizer(const std::string& identifier) {
  using namespace regularizers;
  using Make = Regularizer (*)();
  static const std::map<std::string, Make, std::less<>> known{
      {"l1", [] { return L1(); }},
      {"l2", [] { return L2(); }},
      {"l1_l2", [] { return L1L2(); }},
      {"l1l2", [] { return L1L2(); }},
      {"orthogonal_regularizer", [] { return OrthogonalRegularizer(); }},
  };
  const auto found = known.find(snake_case(identifier));
  if (found == known.end()) throw Error("regularizer", "Could not interpret regularizer identifier: " + identifier);
  *this = found->second();
}

namespace regularizers {
namespace {
void require_factor(std::string_view where, std::string_view name, double value) {
  if (!std::isfinite(value) || value < 0)
    throw Error(where, "Invalid value for argument " + std::string(name) +
                           ": expected a non-negative float. Received: " + std::string(name) + "=" +
                           layers::to_python(value));
}

/// 1 where two different rows (or columns) meet.
Value off_diagonal(std::int64_t size) {
  Tensor t(DType::f32, {size, size});
  const auto a = t.mutable_data<float>();
  for (std::int64_t i = 0; i < size * size; ++i) a[static_cast<std::size_t>(i)] = i / size == i % size ? 0.0f : 1.0f;
  return constant(t);
}
}  // namespace

Regularizer L1(double l1) {
  require_factor("regularizer L1", "l1", l1);
  return Regularizer("L1", {{"l1", l1}}, [l1](const Value& x) { return l1 * sum(abs(x)); });
}

Regularizer L2(double l2) {
  require_factor("regularizer L2", "l2", l2);
  return Regularizer("L2", {{"l2", l2}}, [l2](const Value& x) { return l2 * sum(square(x)); });
}

Regularizer L1L2(double l1, double l2) {
  require_factor("regularizer L1L2", "l1", l1);
  require_factor("regularizer L1L2", "l2", l2);
  return Regularizer("L1L2", {{"l1", l1}, {"l2", l2}},
                     [l1, l2](const Value& x) { return l1 * sum(abs(x)) + l2 * sum(square(x)); });
}

Regularizer OrthogonalRegularizer(double factor, const std::string& mode) {
  const std::string where = "regularizer OrthogonalRegularizer";
  require_factor(where, "factor", factor);
  if (mode != "rows" && mode != "columns")
    throw Error(where,
                "Invalid value for argument `mode`. Expected one of {\"rows\", \"columns\"}. Received: mode=" + mode);
  return Regularizer("OrthogonalRegularizer", {{"factor", factor}, {"mode", mode}}, [=](const Value& x) {
    if (x.shape().rank() != 2)
      throw Error(where, "Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape=" +
                             to_keras_string(x.shape()));
    const bool rows = mode == "rows";
    const std::int64_t size = x.shape()[rows ? 0 : 1];
    if (size < 2) return 0.0 * sum(x);  // no pair
    const Value length = sum(square(x), {rows ? 1 : 0}, {.keepdims = true});
    const Value unit = x * rsqrt(maximum(length, 1e-12));
    const Value products = matmul(unit, unit, {.transpose_a = !rows, .transpose_b = rows});
    const double pairs = 0.5 * static_cast<double>(size) * static_cast<double>(size - 1);
    return factor * 0.5 / pairs * sum(abs(products * off_diagonal(size)));
  });
}

}  // namespace regularizers
}  // namespace strata
