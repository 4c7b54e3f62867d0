#pragma once

#include "core/base/config.h"
#include "core/base/export.h"

namespace strata {

/// One number, or the two ends of a range: `0.2`, `{0.1, 0.3}`.
struct Interval {
  double lower = 0, upper = 0;
  bool single = true;  ///< given as one number, which both ends have
  constexpr Interval() = default;
  constexpr Interval(double number) : lower(number), upper(number) {}
  constexpr Interval(double l, double u) : lower(l), upper(u), single(false) {}
  /// The lower end first.
  constexpr Interval ordered() const { return lower <= upper ? *this : Interval(upper, lower); }
  friend bool operator==(const Interval&, const Interval&) = default;
};

/// A number or a list of two; whole ones as integers, which some of Keras's layers ask for.
STRATA_API ConfigValue to_config(const Interval&);
STRATA_API void from_config(const ConfigValue&, Interval&);

}  // namespace strata
