#include "layers/constraints.h"

#include <map>

#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "layers/config_values.h"

namespace strata {

Constraint::Constraint(const char* identifier) : Constraint(std::string(identifier)) {}

Constraint::Constraint(const std::string& identifier) {
  using namespace constraints;
  using Make = Constraint (*)();
  static const std::map<std::string, Make, std::less<>> known{
      {"max_norm", [] { return MaxNorm(); }},
      {"non_neg", [] { return NonNeg(); }},
      {"unit_norm", [] { return UnitNorm(); }},
      {"min_max_norm", [] { return MinMaxNorm(); }},
  };
  const auto found = known.find(snake_case(identifier));
  if (found == known.end()) throw Error("constraint", "Could not interpret constraint identifier: " + identifier);
  *this = found->second();
}

namespace constraints {
namespace {
constexpr double epsilon = 1e-7;

Value norm(const Value& w, const Axes& axes) { return sqrt(sum(square(w), axes, {.keepdims = true})); }
}  // namespace

Constraint MaxNorm(const MaxNormOptions& o) {
  return Constraint("MaxNorm", {{"max_value", o.max_value}, {"axis", layers::to_config(o.axis)}}, [o](Value w) {
    const Value length = norm(w, o.axis.axes);
    return w * (clip(length, 0.0, o.max_value) / (epsilon + length));
  });
}

Constraint NonNeg() {
  return Constraint("NonNeg", {}, [](Value w) { return maximum(w, 0.0); });
}

Constraint UnitNorm(const UnitNormOptions& o) {
  return Constraint("UnitNorm", {{"axis", layers::to_config(o.axis)}},
                    [o](Value w) { return w / (epsilon + norm(w, o.axis.axes)); });
}

Constraint MinMaxNorm(const MinMaxNormOptions& o) {
  const Config config{
      {"min_value", o.min_value}, {"max_value", o.max_value}, {"rate", o.rate}, {"axis", layers::to_config(o.axis)}};
  return Constraint("MinMaxNorm", config, [o](Value w) {
    const Value length = norm(w, o.axis.axes);
    const Value desired = o.rate * clip(length, o.min_value, o.max_value) + (1.0 - o.rate) * length;
    return w * (desired / (epsilon + length));
  });
}

}  // namespace constraints
}  // namespace strata
