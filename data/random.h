#pragma once

#include <cstdint>

namespace strata::data {

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every input bit over the output.
constexpr std::uint64_t scramble(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// A seed for the `index`-th child of `seed`. Not symmetric: combine(1, 2) differs from combine(2, 1).
constexpr std::uint64_t combine(std::uint64_t seed, std::uint64_t index) { return scramble(scramble(seed) ^ index); }

/// A sequence of random integers that depends on its seed only.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t next() { return combine(seed_, counter_++); }
  /// Uniform in [0, n), n > 0. Values of the last, incomplete run of n are drawn again, so there is no bias.
  std::uint64_t below(std::uint64_t n) {
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    std::uint64_t value = next();
    while (value >= limit) value = next();
    return value % n;
  }

 private:
  std::uint64_t seed_, counter_ = 0;
};

}  // namespace strata::data
