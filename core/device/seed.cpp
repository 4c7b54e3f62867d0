#include "core/device/seed.h"

#include <mutex>
#include <random>
#include <utility>

#include "core/device/seed_scope.h"

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
constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;

/// The state of the innermost SeedScope of this thread.
thread_local std::uint64_t* scoped = nullptr;
}  // namespace

random::SeedScope::SeedScope(std::uint64_t seed) : state_(seed), outer_(std::exchange(scoped, &state_)) {}
random::SeedScope::~SeedScope() { scoped = outer_; }

std::uint64_t random::next_process_seed() {
  if (scoped) return mixed(*scoped += step);
  ProcessSeed& seed = process_seed();
  const std::lock_guard lock(seed.mutex);
  return mixed(seed.state += step);
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
