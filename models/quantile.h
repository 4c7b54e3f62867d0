#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace strata {

/// The number below which the share `q` of them lies, from 0 to 1, interpolated linearly between neighbours. There must
/// be at least one.
inline double quantile(std::vector<double> numbers, double q) {
  std::ranges::sort(numbers);
  const double at = q * static_cast<double>(numbers.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, numbers.size() - 1);
  return numbers[below] + (at - static_cast<double>(below)) * (numbers[above] - numbers[below]);
}

}  // namespace strata
