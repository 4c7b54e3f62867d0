#include "core/compile/finite.h"

#include <cmath>

namespace strata {

namespace {
template <class T>
std::int64_t first_not_finite(const void* data, std::int64_t n) {
  const T* x = static_cast<const T*>(data);
  for (std::int64_t i = 0; i < n; ++i) {
    if constexpr (std::same_as<T, Half> || std::same_as<T, BFloat16>) {
      if (!std::isfinite(to_float(x[i]))) return i;
    } else {
      if (!std::isfinite(x[i])) return i;
    }
  }
  return -1;
}

}  // namespace

void check_finite(const Type& type, const void* data, const std::string& what) {
  if (!is_floating(type.dtype)) return;
  const std::int64_t at = dispatch(type.dtype, [&]<class T>() -> std::int64_t {
    if constexpr (std::integral<T>)
      return -1;
    else
      return first_not_finite<T>(data, type.shape.elements());
  });
  if (at < 0) return;
  throw Error(what, "produced NaN or infinity: in " + to_string(type) + ", first at element " + std::to_string(at) +
                        " (its inputs were finite)");
}

std::string label(const PlanStep& step) {
  return step.op + (step.layer.empty() ? "" : " '" + step.layer + "'") + (step.gradient ? " (gradient)" : "");
}

}  // namespace strata
