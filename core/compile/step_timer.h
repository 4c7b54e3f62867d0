#pragma once

#include <memory>
#include <vector>

#include "core/device/device.h"

namespace strata {

/// Takes the time of each step while an Execution runs, by the clock of the device that runs them.
class STRATA_API StepTimer {
 public:
  virtual ~StepTimer();
  /// Called before the first step and after every one. Allocates nothing.
  virtual void mark() = 0;
  /// Waits until the device has passed all marks. Seconds from the first mark to each, which is one more than there
  /// were steps; the timer is then ready for another run.
  virtual std::vector<double> take() = 0;
};

/// A timer for plans of `steps` steps on the device.
STRATA_API std::unique_ptr<StepTimer> make_step_timer(Device device, std::size_t steps);

/// Returns when the device has done all that it was given. A processor has when its kernels have returned.
STRATA_API void wait_for(Device device);

}  // namespace strata
