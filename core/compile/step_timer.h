#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "core/device/device.h"
#include "core/device/reorders.h"

namespace strata {

/// What a StepTimer found in a run of n steps.
struct StepTimes {
  /// An exchange that went on beside other steps; seconds from the first mark.
  struct Aside {
    std::size_t step = 0;
    double begin = 0, end = 0;
  };
  std::vector<double> marks;       ///< n + 1: seconds from the first mark to each
  std::vector<Reorders> reorders;  ///< n: what the kernel of each step reordered on the processor
  std::vector<Aside> aside = {};   ///< in their order
};

/// Takes the time of each step while an Execution runs, by the clock of the device that runs them, and counts reorders.
class STRATA_API StepTimer {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~StepTimer();
  /// Called before the first step and after every one. Allocates nothing.
  void mark();
  /// What went on beside the steps, called when it is over.
  void note(std::size_t step, Clock::time_point begin, Clock::time_point end);
  /// Waits until the device has passed all marks. The timer is then ready for another run.
  StepTimes take();
  /// What the kernels count with while the run lasts.
  ReorderMeter& reorder_meter() { return reorder_meter_; }

 protected:
  explicit StepTimer(std::size_t steps) { reorders_.reserve(steps + 1); }

 private:
  virtual Clock::time_point mark_time() = 0;  ///< when it was called
  virtual std::vector<double> take_marks() = 0;

  ReorderMeter reorder_meter_;
  std::vector<Reorders> reorders_;  // as read at each mark
  std::vector<StepTimes::Aside> aside_;
  Clock::time_point start_;  // of the first mark
};

/// A timer for plans of `steps` steps on the device.
STRATA_API std::unique_ptr<StepTimer> make_step_timer(Device device, std::size_t steps);

/// Returns when the device has done all that it was given. A processor has when its kernels have returned.
STRATA_API void wait_for(Device device);

}  // namespace strata
