#include "core/compile/step_timer.h"

#include <chrono>

#include "core/base/error.h"

namespace strata {

StepTimer::~StepTimer() = default;

namespace {
/// A kernel on the processor is done when it returns.
class ClockTimer final : public StepTimer {
 public:
  explicit ClockTimer(std::size_t steps) { marks_.reserve(steps + 1); }
  void mark() override { marks_.push_back(Clock::now()); }
  std::vector<double> take() override {
    std::vector<double> seconds;
    for (const Clock::time_point& m : marks_) seconds.push_back(std::chrono::duration<double>(m - marks_[0]).count());
    marks_.clear();
    return seconds;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<Clock::time_point> marks_;
};
}  // namespace

void wait_for(Device device) {
  if (device.kind != DeviceKind::cpu) throw Error(to_string(device), "cannot be waited for");
}

std::unique_ptr<StepTimer> make_step_timer(Device device, std::size_t steps) {
  if (device.kind != DeviceKind::cpu) throw Error(to_string(device), "its kernels cannot be timed one by one");
  return std::make_unique<ClockTimer>(steps);
}

}  // namespace strata
