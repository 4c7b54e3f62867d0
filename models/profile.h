#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/compile/plan.h"
#include "core/graph/context.h"

namespace strata {

struct ProfileOptions {
  std::int64_t batch_size = 32;
  int steps = 20;  ///< that are measured
  int warmup = 3;  ///< steps before them
  Mode mode = Mode::train;
};

/// Where the time of a step goes: what Model::profile returns.
class STRATA_API StepProfile {
 public:
  /// One kernel of the plan.
  struct Kernel {
    std::string layer, op;
    bool gradient = false;
    std::int64_t bytes = 0;  ///< that it reads and writes: the sizes of its arguments
    double seconds = 0;      ///< mean over the steps
  };
  /// One measured step: when it began, how long it took as the caller saw it, and when each kernel was done, in
  /// seconds; the first by the caller's clock from the first step on, the last by the device's from the step's
  /// beginning.
  struct Step {
    double begin = 0, wall = 0;
    std::vector<double> marks;  ///< one more than there are kernels; the first is 0
  };

  /// `steps` must not be empty.
  StepProfile(const Plan& plan, std::int64_t batch_size, std::vector<Step> steps);

  /// In the order in which they run.
  const std::vector<Kernel>& kernels() const { return kernels_; }
  /// Seconds of a step, mean over the steps, as the caller saw it. What is not in the kernels is the way to them and
  /// back.
  double step_seconds() const { return step_seconds_; }
  /// Seconds of all kernels of a step, mean over the steps.
  double kernel_seconds() const;

  /// Layers and, below each, its ops, the slowest first: how often a step runs them, time, share of the step, bytes and
  /// bytes per second. Gradients stand beside the layer they belong to; an op outside of layers goes by "-".
  std::string table() const;
  /// All measured steps in the Trace Event Format (JSON), for chrome://tracing and ui.perfetto.dev.
  std::string trace() const;
  /// Error naming the file. What was there before stays whole unless the new one is complete.
  void write_trace(const std::string& path) const;

 private:
  std::vector<Kernel> kernels_;
  std::vector<Step> steps_;
  Device device_;
  std::int64_t batch_size_;
  double step_seconds_ = 0;
};

}  // namespace strata
