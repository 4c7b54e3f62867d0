#pragma once

// What the kernel tests share: reproducible numbers and scratch that notices an overrun.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace strata::testing {

// Uniform in [-1, 1), the same on every platform.
inline std::vector<float> random_floats(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  std::uint32_t state = seed * 2654435761u + 12345u;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

inline std::vector<double> widened(const std::vector<float>& values) {
  return std::vector<double>(values.begin(), values.end());
}

// The largest difference, relative to the largest expected magnitude. NaN counts as infinite.
inline double relative_error(const std::vector<float>& got, const std::vector<double>& expected) {
  double worst = 0, scale = 1e-30;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(got[i] - expected[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    scale = std::max(scale, std::abs(expected[i]));
  }
  return worst / scale;
}

// Exactly the stated number of bytes, filled with NaN, with a guard behind them.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : bytes_(bytes), memory_(bytes + kGuard) {
    std::memset(memory_.data(), 0xff, bytes);
    std::memset(memory_.data() + bytes, kFill, kGuard);
  }
  void* data() { return memory_.data(); }
  float* floats() { return reinterpret_cast<float*>(memory_.data()); }
  bool intact() const {
    return std::all_of(memory_.begin() + static_cast<std::ptrdiff_t>(bytes_), memory_.end(),
                       [](unsigned char c) { return c == kFill; });
  }

 private:
  static constexpr std::size_t kGuard = 256;
  static constexpr unsigned char kFill = 0x5a;
  std::size_t bytes_;
  std::vector<unsigned char> memory_;
};

}  // namespace strata::testing
