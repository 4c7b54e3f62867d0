#include "core/device/seed.h"

#include <mutex>
#include <random>

namespace strata {

namespace {
struct ProcessSeed {
  std::mutex mutex;
  std::uint64_t state;
  ProcessSeed() {
    std::random_device device;
    state = (static_cast<std::uint64_t>(device()) << 32) | device();
  }
};

ProcessSeed& process_seed() {
  static ProcessSeed seed;
  return seed;
}

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
}  // namespace

std::uint64_t random::next_process_seed() {
  ProcessSeed& seed = process_seed();
  const std::lock_guard lock(seed.mutex);
  return mixed(seed.state += 0x9e3779b97f4a7c15u);
}

std::uint64_t random::process_seed_position() {
  ProcessSeed& seed = process_seed();
  const std::lock_guard lock(seed.mutex);
  return seed.state;
}

void utils::set_random_seed(std::uint64_t value) {
  ProcessSeed& seed = process_seed();
  const std::lock_guard lock(seed.mutex);
  seed.state = value;
}

}  // namespace strata
