#pragma once

#include <cstdint>

#include "core/device/cuda.h"

namespace strata::cuda {

/// What a GPU has come to, which it writes into memory of the processor that it can reach (allocate_pinned), so that
/// others see it while the stream waits.
struct Marks {
  std::int64_t step = -1;
  std::int64_t call = -1;  ///< that was begun last in this step; -1 where there was none
  std::int64_t calls = 0;  ///< ever begun
};

/// Enqueues: a step begins.
void mark_step(Cuda&, Marks*, std::int64_t step);
/// Enqueues: a call begins. Can be recorded.
void mark_call(Cuda&, Marks*, std::int64_t call);

}  // namespace strata::cuda
