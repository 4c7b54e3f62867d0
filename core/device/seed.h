#pragma once

#include <cstdint>

#include "core/base/export.h"

namespace strata {

namespace random {
/// A seed that differs from all that this process got before: the next of a sequence that set_random_seed starts, and
/// that starts somewhere unpredictable without it. Thread-safe; reproducible where one thread asks.
STRATA_API std::uint64_t next_process_seed();
/// Where the sequence stands: set_random_seed(process_seed_position()) goes on from here, in another process, too.
STRATA_API std::uint64_t process_seed_position();
}
using random::next_process_seed;

namespace utils {
/// Starts the sequence of seeds anew: everything random that is made afterwards (initial weights, dropout, shuffling,
/// strata::random) is reproducible.
STRATA_API void set_random_seed(std::uint64_t seed);
}  // namespace utils

}  // namespace strata
