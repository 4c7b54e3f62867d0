// The loop that times an all-reduce, the same around every library's.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

/// Calls of a size that are timed together. All ranks come to the same number without asking each other.
inline std::size_t repetitions(std::size_t bytes) {
  constexpr std::size_t volume = std::size_t{512} << 20;
  return std::clamp<std::size_t>(volume / bytes, 2, 1000);
}

/// Sizes in bytes, from the words of a command line.
inline std::vector<std::size_t> sizes_of(char** begin, char** end) {
  std::vector<std::size_t> sizes;
  for (; begin != end; ++begin) sizes.push_back(std::stoul(*begin));
  if (sizes.empty()) throw std::invalid_argument("expected sizes in bytes");
  return sizes;
}

/// One rank of several: for each size a first call, which is checked, and then timed ones, of which rank 0 writes
/// "all_reduce BYTES MICROSECONDS", the mean. `prepare(data, count)` gives what sums `count` floats at `data` over all
/// ranks, in place.
template <class Prepare>
void time_all_reduce(int rank, int ranks, const std::vector<std::size_t>& sizes, Prepare&& prepare) {
  using Clock = std::chrono::steady_clock;
  for (const std::size_t bytes : sizes) {
    const std::size_t count = bytes / sizeof(float), calls = repetitions(bytes);
    std::vector<float> data(count, static_cast<float>(rank + 1));
    auto all_reduce = prepare(data.data(), count);
    all_reduce();
    const auto sum = static_cast<float>(ranks * (ranks + 1) / 2);
    if (static_cast<std::size_t>(std::count(data.begin(), data.end(), sum)) != count)
      throw std::runtime_error("a sum is wrong");
    std::fill(data.begin(), data.end(), 0.0f);  // sums of sums would overflow
    all_reduce();                               // whoever is late with that is here now
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < calls; ++i) all_reduce();
    const std::chrono::duration<double, std::micro> time = Clock::now() - begin;
    if (rank == 0) std::printf("all_reduce %zu %.3f\n", bytes, time.count() / static_cast<double>(calls));
  }
  std::fflush(stdout);
}

}  // namespace bench
