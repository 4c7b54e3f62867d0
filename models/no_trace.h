#pragma once

#include "core/device/seed.h"
#include "core/graph/uncounted_names.h"

namespace strata {

/// Puts the process seed and automatic names back to where they were when it was made: models can be made and tried
/// and leave no trace in what the program makes later.
class NoTrace {
 public:
  NoTrace() = default;
  NoTrace(const NoTrace&) = delete;
  NoTrace& operator=(const NoTrace&) = delete;
  ~NoTrace() { utils::set_random_seed(seed_); }

 private:
  std::uint64_t seed_ = random::process_seed_position();
  UncountedNames names_;
};

}  // namespace strata
