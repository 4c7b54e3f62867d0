#include "layers/interval.h"

#include <cmath>

#include "core/base/error.h"

namespace strata {

namespace {
ConfigValue number(double x) {
  if (std::abs(x) < 1e9 && x == std::floor(x)) return static_cast<std::int64_t>(x);
  return x;
}
}  // namespace

ConfigValue to_config(const Interval& r) {
  if (r.single) return number(r.lower);
  ConfigValue::List ends;
  ends.push_back(number(r.lower));
  ends.push_back(number(r.upper));
  return ends;
}

void from_config(const ConfigValue& c, Interval& r) {
  if (!std::holds_alternative<ConfigValue::List>(c.variant())) {
    r = Interval(c.as_double());
    return;
  }
  const ConfigValue::List& ends = c.as_list();
  if (ends.size() != 2) throw Error("interval", "expected a number or two; received " + std::to_string(ends.size()));
  r = Interval(ends[0].as_double(), ends[1].as_double());
}

}  // namespace strata
