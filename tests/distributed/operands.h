// What collectives are tested with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/device/communicator.h"

namespace strata::testing {

/// Element i of a replica's operand: small whole numbers, so that sums are exact in every type.
inline double operand(int rank, std::size_t i) {
  return static_cast<double>((i * 7 + static_cast<std::size_t>(rank) * 3) % 11) - 5;
}

template <class T>
T element(double x) {
  if constexpr (std::is_same_v<T, Half>)
    return to_half(static_cast<float>(x));
  else if constexpr (std::is_same_v<T, BFloat16>)
    return to_bfloat16(static_cast<float>(x));
  else
    return static_cast<T>(x);
}

template <class T>
double number(T x) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
    return to_float(x);
  else
    return static_cast<double>(x);
}

template <class T>
std::vector<T> operands(int rank, std::size_t count) {
  std::vector<T> x(count);
  for (std::size_t i = 0; i < count; ++i) x[i] = element<T>(operand(rank, i));
  return x;
}

inline double reduced(Reduction reduction, int ranks, std::size_t i) {
  double sum = 0, most = -100;
  for (int r = 0; r < ranks; ++r) {
    sum += operand(r, i);
    most = std::max(most, operand(r, i));
  }
  return reduction == Reduction::sum ? sum : reduction == Reduction::mean ? sum / ranks : most;
}

}  // namespace strata::testing
