#include "models/profile.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "models/arguments.h"
#include "models/functional.h"
#include "models/restored_variables.h"
#include "models/trainer.h"

namespace strata {

namespace {
std::int64_t bytes_of(const PlanStep& step) {
  std::size_t bytes = 0;
  for (const Types* types : {&step.signature.inputs, &step.signature.outputs})
    for (const Type& t : *types) bytes += t.bytes();
  return static_cast<std::int64_t>(bytes);
}

DType dtype_of_product(const PlanStep& step) { return step.signature.inputs.at(0).dtype; }

/// The seconds that the roofline leaves a kernel.
double least_seconds_of(const PlanStep& step, const std::vector<StepProfile::Peak>& peaks) {
  double memory = 0, product = 0;
  for (const StepProfile::Peak& p : peaks) {
    memory = std::max(memory, p.roofline.bytes);
    if (step.flops > 0 && p.dtype == dtype_of_product(step)) product = p.roofline.flops;
  }
  const double moving = memory > 0 ? static_cast<double>(bytes_of(step)) / memory : 0;
  return product > 0 ? std::max(moving, step.flops / product) : moving;
}

/// What all steps counted of kernel k: the same number each, so a step's is a mean.
Reorders mean_reorders(const std::vector<StepProfile::Step>& steps, std::size_t k) {
  Reorders mean = steps[0].times.reorders.at(k);
  mean.seconds = 0;
  for (const StepProfile::Step& s : steps)
    mean.seconds += s.times.reorders.at(k).seconds / static_cast<double>(steps.size());
  return mean;
}
}  // namespace

StepProfile::StepProfile(const Plan& plan, std::int64_t batch_size, std::vector<Step> steps, std::vector<Peak> peaks)
    : steps_(std::move(steps)), peaks_(std::move(peaks)), device_(plan.options().device), batch_size_(batch_size) {
  const auto count = static_cast<double>(steps_.size());
  for (std::size_t k = 0; k < plan.steps().size(); ++k) {
    const PlanStep& s = plan.steps()[k];
    Kernel kernel{.layer = s.layer, .op = s.again ? s.op + " (again)" : s.op, .gradient = s.gradient};
    kernel.bytes = bytes_of(s);
    kernel.flops = s.flops;
    for (const Step& step : steps_) kernel.seconds += (step.times.marks.at(k + 1) - step.times.marks.at(k)) / count;
    kernel.least_seconds = least_seconds_of(s, peaks_);
    kernel.reorders = mean_reorders(steps_, k);
    kernels_.push_back(std::move(kernel));
  }
  for (const Step& step : steps_) step_seconds_ += step.wall / count;
}

double StepProfile::kernel_seconds() const {
  return std::accumulate(kernels_.begin(), kernels_.end(), 0.0,
                         [](double s, const Kernel& k) { return s + k.seconds; });
}

double StepProfile::least_seconds() const {
  return std::accumulate(kernels_.begin(), kernels_.end(), 0.0,
                         [](double s, const Kernel& k) { return s + k.least_seconds; });
}

Reorders StepProfile::reorders() const {
  Reorders all;
  for (const Kernel& k : kernels_) {
    all.count += k.reorders.count;
    all.bytes += k.reorders.bytes;
    all.seconds += k.reorders.seconds;
  }
  return all;
}

namespace {
/// Of f32, and of the other types of the plan's products. Products of 16 bits may as well run in f32 where that is
/// faster.
std::vector<StepProfile::Peak> peaks_for(const Plan& plan) {
  const Device device = plan.options().device;
  std::vector<StepProfile::Peak> peaks{{DType::f32, measure_roofline(device, DType::f32)}};
  for (const PlanStep& step : plan.steps()) {
    if (step.flops <= 0) continue;
    const DType dtype = dtype_of_product(step);
    if (!is_floating(dtype) || std::ranges::find(peaks, dtype, &StepProfile::Peak::dtype) != peaks.end()) continue;
    Roofline roofline = measure_roofline(device, dtype);
    if (size_of(dtype) == 2) roofline.flops = std::max(roofline.flops, peaks[0].roofline.flops);
    peaks.push_back({dtype, roofline});
  }
  return peaks;
}

StepProfile profile_of(Trainer& trainer, const Batch& batch, const ProfileOptions& options) {
  using Clock = std::chrono::steady_clock;
  const std::shared_ptr<Executable> step = trainer.step(options.mode, batch);
  const Plan& plan = step->plan();
  std::vector<StepProfile::Peak> peaks;
  if (options.roofline) peaks = peaks_for(plan);
  const RestoredVariables as_they_were(plan.variables());
  const auto timer = make_step_timer(plan.options().device, plan.steps().size());
  for (int i = 0; i < options.warmup; ++i) trainer.run(options.mode, batch);
  std::vector<StepProfile::Step> steps;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < options.steps; ++i) {
    const Clock::time_point begin = Clock::now();
    trainer.run(options.mode, batch, timer.get());
    StepTimes times = timer->take();
    const Clock::time_point end = Clock::now();
    const std::chrono::duration<double> since_start = begin - start, wall = end - begin;
    steps.push_back({since_start.count(), wall.count(), std::move(times)});
  }
  return StepProfile(plan, batch.size(), std::move(steps), std::move(peaks));
}
}  // namespace

StepProfile Model::profile(const Data& x, const Data& y, const ProfileOptions& options) {
  if (options.batch_size < 1)
    fail_expected("profile: batch_size", "a positive number", std::to_string(options.batch_size));
  if (options.steps < 1) fail_expected("profile: steps", "a positive number", std::to_string(options.steps));
  if (options.warmup < 0) fail_expected("profile: warmup", "0 or more", std::to_string(options.warmup));
  Trainer& t = trainer("profile");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  Arguments a = resolve_arguments(definition(), x, y, {}, "profile");
  if (a.y.empty()) fail_expected("profile: y", "targets", "none");
  const auto batch = batches_of(a.x, a.y, a.w, {.batch_size = options.batch_size})->next();
  if (!batch) fail_expected("profile: x", "at least one sample", "none");
  return profile_of(t, *batch, options);
}

}  // namespace strata
