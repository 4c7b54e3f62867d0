#include "layers/constraints.h"

#include "core/graph/class_registry.h"
#include "core/ops/ops.h"

namespace strata {

namespace constraints {
namespace {
constexpr double epsilon = 1e-7;

constexpr auto no_arguments = [](auto&) {};
constexpr auto unit_norm_arguments = [](auto& field, auto& o) { field("axis", o.axis); };
constexpr auto max_norm_arguments = [](auto& field, auto& o) {
  field("max_value", o.max_value);
  field("axis", o.axis);
};
constexpr auto min_max_norm_arguments = [](auto& field, auto& o) {
  field("min_value", o.min_value);
  field("max_value", o.max_value);
  field("rate", o.rate);
  field("axis", o.axis);
};

Value norm(const Value& w, const Axes& axes) { return sqrt(sum(square(w), axes, {.keepdims = true})); }
}  // namespace

Constraint MaxNorm(const MaxNormOptions& o) {
  return Constraint("MaxNorm", write_arguments(max_norm_arguments, o), [o](Value w) {
    const Value length = norm(w, o.axis.axes);
    return w * (clip(length, 0.0, o.max_value) / (epsilon + length));
  });
}

Constraint NonNeg() {
  return Constraint("NonNeg", {}, [](Value w) { return maximum(w, 0.0); });
}

Constraint UnitNorm(const UnitNormOptions& o) {
  return Constraint("UnitNorm", write_arguments(unit_norm_arguments, o),
                    [o](Value w) { return w / (epsilon + norm(w, o.axis.axes)); });
}

Constraint MinMaxNorm(const MinMaxNormOptions& o) {
  return Constraint("MinMaxNorm", write_arguments(min_max_norm_arguments, o), [o](Value w) {
    const Value length = norm(w, o.axis.axes);
    const Value desired = o.rate * clip(length, o.min_value, o.max_value) + (1.0 - o.rate) * length;
    return w * (desired / (epsilon + length));
  });
}

}  // namespace constraints

namespace {
ClassRegistry<Constraint>& registry() {
  namespace make = constraints;
  const auto entry = [](const char* name, auto factory, auto arguments) {
    return ClassRegistry<Constraint>::Entry{
        .class_name = name, .make = from_arguments<Constraint>(std::string("constraint ") + name, factory, arguments)};
  };
  static ClassRegistry<Constraint> all("constraint", "register_constraint(\"Name\", ...)", "keras.constraints",
                                       {entry("MaxNorm", make::MaxNorm, make::max_norm_arguments),
                                        entry("NonNeg", make::NonNeg, make::no_arguments),
                                        entry("UnitNorm", make::UnitNorm, make::unit_norm_arguments),
                                        entry("MinMaxNorm", make::MinMaxNorm, make::min_max_norm_arguments)});
  return all;
}
}  // namespace

Constraint::Constraint(const char* identifier) : Constraint(std::string(identifier)) {}
Constraint::Constraint(const std::string& identifier) : Constraint(registry().from_identifier(identifier)) {}

ConfigValue to_config(const Constraint& c) {
  return c ? registry().to_config(c.class_name(), c.config()) : ConfigValue(nullptr);
}
void from_config(const ConfigValue& v, Constraint& c) { c = v.is_null() ? Constraint() : registry().from_config(v); }
void register_constraint(const std::string& class_name, std::function<Constraint(const Config&)> make) {
  registry().add({.class_name = class_name, .make = std::move(make), .registered_name = "Custom>" + class_name});
}
std::vector<std::string> constraint_names() { return registry().class_names(); }

}  // namespace strata
