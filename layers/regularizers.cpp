#include "layers/regularizers.h"

#include <cmath>

#include "core/graph/class_registry.h"
#include "core/ops/matmul.h"
#include "core/ops/ops.h"
#include "layers/checks.h"

namespace strata {

namespace regularizers {
namespace {
constexpr auto l1_arguments = [](auto& field, auto& l1) { field.required("l1", l1); };
constexpr auto l2_arguments = [](auto& field, auto& l2) { field.required("l2", l2); };
constexpr auto l1_l2_arguments = [](auto& field, auto& l1, auto& l2) {
  field("l1", l1);
  field("l2", l2);
};
constexpr auto orthogonal_arguments = [](auto& field, auto& factor, auto& mode) {
  field.required("factor", factor);
  field.required("mode", mode);
};

void require_factor(std::string_view where, std::string_view name, double value) {
  if (!std::isfinite(value) || value < 0)
    throw Error(where, "Invalid value for argument " + std::string(name) +
                           ": expected a non-negative float. Received: " + std::string(name) + "=" +
                           layers::to_python(value));
}

/// 1 where two different rows (or columns) meet.
Value off_diagonal(std::int64_t size) {
  Tensor t(DType::f32, {size, size}, Device{});
  const auto a = t.mutable_data<float>();
  for (std::int64_t i = 0; i < size * size; ++i) a[static_cast<std::size_t>(i)] = i / size == i % size ? 0.0f : 1.0f;
  return constant(t);
}
}  // namespace

Regularizer L1(double l1) {
  require_factor("regularizer L1", "l1", l1);
  return Regularizer("L1", write_arguments(l1_arguments, l1), [l1](const Value& x) { return l1 * sum(abs(x)); });
}

Regularizer L2(double l2) {
  require_factor("regularizer L2", "l2", l2);
  return Regularizer("L2", write_arguments(l2_arguments, l2), [l2](const Value& x) { return l2 * sum(square(x)); });
}

Regularizer L1L2(double l1, double l2) {
  require_factor("regularizer L1L2", "l1", l1);
  require_factor("regularizer L1L2", "l2", l2);
  return Regularizer("L1L2", write_arguments(l1_l2_arguments, l1, l2),
                     [l1, l2](const Value& x) { return l1 * sum(abs(x)) + l2 * sum(square(x)); });
}

Regularizer OrthogonalRegularizer(double factor, const std::string& mode) {
  const std::string where = "regularizer OrthogonalRegularizer";
  require_factor(where, "factor", factor);
  if (mode != "rows" && mode != "columns")
    throw Error(where,
                "Invalid value for argument `mode`. Expected one of {\"rows\", \"columns\"}. Received: mode=" + mode);
  return Regularizer("OrthogonalRegularizer", write_arguments(orthogonal_arguments, factor, mode), [=](const Value& x) {
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

namespace {
ClassRegistry<Regularizer>& registry() {
  namespace make = regularizers;
  const auto entry = [](const char* name, auto factory, auto arguments, Regularizer (*plain)(),
                        std::vector<std::string> aliases = {}) {
    const auto read = from_arguments<Regularizer>(std::string("regularizer ") + name, factory, arguments);
    return ClassRegistry<Regularizer>::Entry{
        .class_name = name,
        .make = [=](const Config& c) { return c.empty() ? plain() : read(c); },
        .aliases = std::move(aliases)};
  };
  static ClassRegistry<Regularizer> all(
      "regularizer", "register_regularizer(\"Name\", ...)", "keras.regularizers",
      {entry("L1", make::L1, make::l1_arguments, [] { return make::L1(); }),
       entry("L2", make::L2, make::l2_arguments, [] { return make::L2(); }),
       entry("L1L2", make::L1L2, make::l1_l2_arguments, [] { return make::L1L2(); }, {"l1_l2"}),
       entry("OrthogonalRegularizer", make::OrthogonalRegularizer, make::orthogonal_arguments,
             [] { return make::OrthogonalRegularizer(); })});
  return all;
}
}  // namespace

Regularizer::Regularizer(const char* identifier) : Regularizer(std::string(identifier)) {}
Regularizer::Regularizer(const std::string& identifier) : Regularizer(registry().from_identifier(identifier)) {}

ConfigValue to_config(const Regularizer& r) {
  return r ? registry().to_config(r.class_name(), r.config()) : ConfigValue(nullptr);
}
void from_config(const ConfigValue& c, Regularizer& r) { r = c.is_null() ? Regularizer() : registry().from_config(c); }
void register_regularizer(const std::string& class_name, std::function<Regularizer(const Config&)> make) {
  registry().add({.class_name = class_name, .make = std::move(make), .registered_name = "Custom>" + class_name});
}
std::vector<std::string> regularizer_names() { return registry().class_names(); }

}  // namespace strata
