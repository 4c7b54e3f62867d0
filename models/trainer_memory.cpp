#include <algorithm>
#include <functional>

#include "core/device/free_memory.h"
#include "models/trainer.h"

namespace strata {

Trainer::Signature Trainer::with_batch(Signature types, std::int64_t samples) {
  for (Types* part : {&types.x, &types.y, &types.w})
    for (Type& t : *part)
      if (t.shape.rank() > 0) t.shape[0] = samples;
  return types;
}

namespace {
/// The largest number up to `most` that fits, if what is larger than one that does not fit does not fit either; 0 if
/// none.
std::int64_t largest_that(const std::function<bool(std::int64_t)>& fits, std::int64_t most) {
  std::int64_t good = 0, bad = 1;
  while (bad <= most && fits(bad)) {
    good = bad;
    bad = good == most ? most + 1 : std::min(2 * good, most);
  }
  while (bad - good > 1) {
    const std::int64_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  return good;
}
}  // namespace

std::shared_ptr<const Plan> Trainer::compile_step_or_advise(Mode mode, const Signature& types) {
  try {
    return compile_step(mode, types);
  } catch (const MemoryError& e) {
    const std::int64_t batch = types.x[0].shape[0];
    const auto fits = [&](std::int64_t n) {
      try {
        compile_step(mode, with_batch(types, n));
        return true;
      } catch (const MemoryError&) {
        return false;
      }
    };
    const std::int64_t good = largest_that(fits, batch - 1);
    throw MemoryError(e.where(), e.message() + ". The batch size was " + std::to_string(batch) +
                                     (good == 0 ? "; not even a batch of 1 fits"
                                                : "; the largest that fits is " + std::to_string(good)));
  }
}

std::int64_t Trainer::largest_batch(const Batch& sample, std::int64_t most, std::size_t staged) {
  const Device device = model_.device();
  const Signature types = signature_of(sample);
  const auto needed = [&](std::int64_t n) {
    const auto plan = compile_step(Mode::train, with_batch(types, n), false);
    return static_cast<std::int64_t>(plan->peak_bytes() + staged * static_cast<std::size_t>(n));
  };
  const std::int64_t least = needed(1);  // before looking at what is free: it makes the optimizer's state
  const std::int64_t free = config::free_memory(device) + arenas_->idle_bytes(device) - reserved_memory;
  const auto fits = [&](std::int64_t n) {
    try {
      return needed(n) <= free;
    } catch (const MemoryError&) {  // of the compile's limit
      return false;
    }
  };
  const std::int64_t found = largest_that(fits, most);
  if (found == 0)
    throw MemoryError(to_string(device), "not even a batch of 1 fits: it needs " + std::to_string(least) +
                                             " bytes, and " + std::to_string(std::max<std::int64_t>(free, 0)) +
                                             " are free");
  return found;
}

}  // namespace strata
