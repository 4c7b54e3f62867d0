#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "data/dataset.h"

namespace strata::data {

/// What one step of a pass has taken so far, on all threads.
struct StageClock {
  std::atomic<std::int64_t> elements{0};
  std::atomic<std::int64_t> busy{0};    ///< nanoseconds of the step's own work, without its source's
  std::atomic<std::int64_t> waited{0};  ///< nanoseconds that others waited for its workers
};

/// A clock for each step of a recipe. Passes of the same step (repeat) share one.
class PassRecorder {
 public:
  StageClock& clock(const Dataset::Node* step);

 private:
  std::mutex mutex_;
  std::map<const Dataset::Node*, std::unique_ptr<StageClock>> clocks_;
};

/// Measures from here to its end. What it measured is taken off the own work of the step around it on this thread; what
/// was measured within it is taken off its own.
class StageTimer {
 public:
  explicit StageTimer(std::atomic<std::int64_t>& nanoseconds);
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;
  ~StageTimer();

 private:
  std::atomic<std::int64_t>& total_;
  std::int64_t outer_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace strata::data
