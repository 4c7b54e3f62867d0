#pragma once

#include <cstdint>

#include "core/base/export.h"

namespace strata::random {

/// While it lives, next_process_seed() on this thread gives the seeds of a sequence that depends on `seed` only: what
/// is drawn within does not depend on what else the process draws, nor on which thread it is. Scopes nest.
class STRATA_API SeedScope {
 public:
  explicit SeedScope(std::uint64_t seed);
  SeedScope(const SeedScope&) = delete;
  SeedScope& operator=(const SeedScope&) = delete;
  ~SeedScope();

 private:
  std::uint64_t state_;
  std::uint64_t* outer_;
};

}  // namespace strata::random
