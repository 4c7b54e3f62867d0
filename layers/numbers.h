#pragma once

#include <initializer_list>
#include <vector>

#include "core/base/config.h"
#include "core/device/tensor.h"

namespace strata {

/// A number or an array of numbers that an argument may give, or none: `0.5`, `{0.5, -0.5}`, a tensor.
struct STRATA_API Numbers {
  Numbers() = default;
  Numbers(double number);
  Numbers(std::initializer_list<double> list);
  Numbers(const std::vector<double>& list);
  Numbers(const Tensor& numbers);

  bool given() const { return array.defined(); }
  Tensor array;  ///< f64; undefined where none were given
};

/// As nested lists, null for none. Error for empty lists, and for lists of different lengths side by side.
STRATA_API ConfigValue to_config(const Numbers&);
STRATA_API void from_config(const ConfigValue&, Numbers&);

}  // namespace strata
