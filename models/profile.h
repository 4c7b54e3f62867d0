#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/compile/plan.h"
#include "core/compile/roofline.h"
#include "core/compile/step_timer.h"
#include "core/graph/context.h"

namespace strata {

struct ProfileOptions {
  std::int64_t batch_size = 32;
  int steps = 20;  ///< that are measured
  int warmup = 3;  ///< steps before them
  Mode mode = Mode::train;
  /// First measures what the device reaches at best (measure_roofline), a second for each element type of the model's
  /// products and convolutions; without it no kernel has a share of it.
  bool roofline = true;
};

/// Where the time of a step goes: what Model::profile returns.
class STRATA_API StepProfile {
 public:
  /// One kernel of the plan.
  struct Kernel {
    std::string layer, op;
    bool gradient = false;
    std::int64_t bytes = 0;    ///< that it reads and writes: the sizes of its arguments
    double flops = 0;          ///< PlanStep::flops
    double seconds = 0;        ///< mean over the steps
    double least_seconds = 0;  ///< that the roofline leaves it: for its bytes or its flops, whichever takes longer
    Reorders reorders = {};    ///< of a step
  };
  /// One measured step: when it began and how long it took as the caller saw it, in seconds by the caller's clock from
  /// the first step on; and what the device's clock says of each kernel.
  struct Step {
    double begin = 0, wall = 0;
    StepTimes times;
  };
  /// What the device reaches with products of an element type, and with memory.
  struct Peak {
    DType dtype = DType::f32;
    Roofline roofline;
  };

  /// `steps` must not be empty. `peaks` may be; a product of a type that is not among them is held against memory only.
  StepProfile(const Plan& plan, std::int64_t batch_size, std::vector<Step> steps, std::vector<Peak> peaks = {});

  /// In the order in which they run.
  const std::vector<Kernel>& kernels() const { return kernels_; }
  /// Seconds of a step, mean over the steps, as the caller saw it. What is not in the kernels is the way to them and
  /// back.
  double step_seconds() const { return step_seconds_; }
  /// Seconds of all kernels of a step, mean over the steps.
  double kernel_seconds() const;

  /// Seconds that the roofline leaves all kernels of a step; 0 when it was not measured. A step can take less: a
  /// Winograd kernel does fewer operations than the definition, and what is still in a cache does not come from memory.
  double least_seconds() const;
  /// What a step copies into layouts of oneDNN and back.
  Reorders reorders() const;

  /// Layers and, below each, its ops, the slowest first: how often a step runs them, time, share of the step,
  /// operations and bytes by the second, and the share of the roofline that they reach. Gradients stand beside the
  /// layer they belong to; an op outside of layers goes by "-". Lines have at most 112 columns.
  std::string table() const;
  /// The same for each kernel, numbered as by Plan::dump, in the order in which they run.
  std::string kernel_table() const;
  /// All numbers as JSON: the peaks, the step, its kernels in the order in which they run.
  std::string json() const;
  /// All measured steps in the Trace Event Format (JSON), for chrome://tracing and ui.perfetto.dev. Exchanges with
  /// other replicas that go on beside the kernels of a processor have a row of their own.
  std::string trace() const;
  /// Error naming the file. What was there before stays whole unless the new one is complete.
  void write_json(const std::string& path) const;
  void write_trace(const std::string& path) const;

 private:
  std::string head() const;

  std::vector<Kernel> kernels_;
  std::vector<Step> steps_;
  std::vector<Peak> peaks_;
  Device device_;
  std::int64_t batch_size_;
  double step_seconds_ = 0;
};

}  // namespace strata
