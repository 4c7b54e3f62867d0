#pragma once

#include <strata/strata.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tools/strata/bench_networks.h"

namespace strata::tools {

/// One row of `strata bench`: what is measured.
struct BenchCase {
  BenchNetwork network;
  std::int64_t image_size = 0;
  Mode mode = Mode::train;
  Device device;
  std::string precision;  ///< a dtype policy: "mixed_bfloat16"
  std::int64_t batch_size = 0;

  std::string mode_name() const { return mode == Mode::train ? "training" : "inference"; }
};

/// What was found.
struct BenchMeasures {
  double making = 0;                ///< seconds until the model was there, with its initial weights
  double first = 0;                 ///< seconds of the first batch, for which the step is compiled
  std::vector<double> seconds;      ///< of each timed batch
  std::int64_t plan_bytes = 0;      ///< StepPlan::peak_bytes; of inference, those of evaluate's step
  std::int64_t variable_bytes = 0;  ///< StepPlan::variable_bytes
  std::int64_t resident_bytes = 0;  ///< most memory that the process had from the making of the model on; 0: not known
  double flops = 0;                 ///< StepPlan::flops, for one batch
  double peak_flops = 0;            ///< by the second, of the device in this precision
  std::string error;                ///< why there is no more than this; empty: there is

  double quantile(double q) const;  ///< of seconds
  double images_per_second(std::int64_t batch_size) const;
  double flops_per_second() const;
};

/// A case with its model and one random batch. Training is SGD with momentum for applications and Adam for the networks
/// for MNIST, on the cross-entropy, the loss read after each step. The global dtype policy is that of the case while a
/// model is made, and afterwards what it was.
class BenchRun {
 public:
  /// Makes the model and runs the first batch.
  explicit BenchRun(const BenchCase& c);
  /// One batch, which is not timed.
  void warm_up();
  /// Batches that are timed; seconds of all of them together.
  double run(std::int64_t batches);
  /// With everything known that is known at the end. Measures memory: call it last.
  BenchMeasures finish();

 private:
  double seconds_of_batch();

  BenchCase case_;
  bool counts_memory_;
  Model model_;
  Tensor x_, y_;
  BenchMeasures measures_;
};

}  // namespace strata::tools
