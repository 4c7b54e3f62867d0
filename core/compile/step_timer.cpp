#include "core/compile/step_timer.h"

#include <utility>

#include "core/device/cuda.h"

namespace strata {

StepTimer::~StepTimer() = default;

void StepTimer::mark() {
  const Clock::time_point now = mark_time();
  if (reorders_.empty()) start_ = now;
  reorders_.push_back(reorder_meter_.read());
}

void StepTimer::note(std::size_t step, Clock::time_point begin, Clock::time_point end) {
  const auto seconds = [&](Clock::time_point t) { return std::chrono::duration<double>(t - start_).count(); };
  aside_.push_back({step, seconds(begin), seconds(end)});
}

StepTimes StepTimer::take() {
  StepTimes times{take_marks(), {}, std::exchange(aside_, {})};
  for (std::size_t i = 1; i < reorders_.size(); ++i) {
    const Reorders &before = reorders_[i - 1], &after = reorders_[i];
    times.reorders.push_back({after.count - before.count, after.bytes - before.bytes, after.seconds - before.seconds});
  }
  reorders_.clear();
  return times;
}

namespace {
/// A kernel on the processor is done when it returns.
class ClockTimer final : public StepTimer {
 public:
  explicit ClockTimer(std::size_t steps) : StepTimer(steps) { marks_.reserve(steps + 1); }

 private:
  Clock::time_point mark_time() override { return marks_.emplace_back(Clock::now()); }
  std::vector<double> take_marks() override {
    std::vector<double> seconds;
    for (const Clock::time_point& m : marks_) seconds.push_back(std::chrono::duration<double>(m - marks_[0]).count());
    marks_.clear();
    return seconds;
  }

  std::vector<Clock::time_point> marks_;
};

/// A GPU's kernels are done later: it notes the time when it passes an event between two of them.
class EventTimer final : public StepTimer {
 public:
  EventTimer(Cuda& gpu, std::size_t steps) : StepTimer(steps), gpu_(gpu) {
    for (std::size_t i = 0; i <= steps; ++i) events_.push_back(std::make_unique<cuda::Event>(gpu.device()));
  }

 private:
  Clock::time_point mark_time() override {
    events_.at(marks_++)->record(gpu_.stream());
    return Clock::now();
  }
  std::vector<double> take_marks() override {
    wait_for({DeviceKind::gpu, gpu_.device()});
    std::vector<double> seconds;
    for (std::size_t i = 0; i < marks_; ++i)
      seconds.push_back(1e-3 * double{events_[i]->milliseconds_since(*events_[0])});
    marks_ = 0;
    return seconds;
  }

  Cuda& gpu_;
  std::vector<std::unique_ptr<cuda::Event>> events_;
  std::size_t marks_ = 0;
};
}  // namespace

std::unique_ptr<StepTimer> make_step_timer(Device device, std::size_t steps) {
  if (device.kind == DeviceKind::cpu) return std::make_unique<ClockTimer>(steps);
  return std::make_unique<EventTimer>(Cuda::of(device.index), steps);
}

void wait_for(Device device) {
  if (device.kind == DeviceKind::cpu) return;
  Cuda& gpu = Cuda::of(device.index);
  const Cuda::Use use(gpu);
  gpu.stream().synchronize();
}

}  // namespace strata
