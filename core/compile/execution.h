#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/compile/plan.h"
#include "core/compile/step_timer.h"

namespace strata {

class GpuRun;

/// Arenas for the plans of one model: plans that run one after the other share one, as large as the largest needs.
class STRATA_API ArenaPool {
 public:
  /// An arena of at least `bytes` for exclusive use until it is given back.
  std::shared_ptr<Storage> take(Device, std::size_t bytes);
  void give(std::shared_ptr<Storage>);
  /// Bytes of the arenas that nobody uses now.
  std::int64_t idle_bytes(Device);
  /// Frees the arenas that nobody uses.
  void clear();

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Storage>> free_;
};

/// A plan with memory: the table of addresses that its kernels work on. For one thread at a time.
class STRATA_API Execution {
 public:
  explicit Execution(std::shared_ptr<const Plan> plan);
  ~Execution();
  /// Binds arena and variables (again only when one moved), then runs all steps. `inputs` and `outputs` have the plan's types; inputs
  /// of a plan for a GPU may lie anywhere, and its steps are on their way, not over, when it returns. With
  /// PlanOptions::check_numerics, an Error names the first op and layer that produced NaN or infinity. A timer, where
  /// there is one, is told of every step; a GPU's kernels are then launched one by one.
  void run(const std::shared_ptr<Storage>& arena, const Tensors& inputs, Tensors& outputs, StepTimer* timer = nullptr);

 private:
  void run_on_processor(const std::shared_ptr<Storage>& arena, const Tensors& inputs, Tensors& outputs, StepTimer*);
  void run_on_gpu(const std::shared_ptr<Storage>& arena, const Tensors& inputs, Tensors& outputs, StepTimer*);
  void run_step(Cpu& cpu, std::size_t step) const;
  void begin_exchange(std::size_t step);
  void end_exchange(std::size_t step, StepTimer*);
  /// Error when a variable has moved to another device.
  void bind(std::byte* base);
  void* resolve(const Place&, std::byte* base) const;
  struct Patch {
    std::size_t slot;   // into addresses_
    std::size_t index;  // of the input or output
  };
  std::shared_ptr<const Plan> plan_;
  std::vector<void*> addresses_;            // of all steps: inputs, then outputs
  std::vector<std::size_t> first_address_;  // of each step
  std::vector<Patch> input_patches_, output_patches_;
  /// An exchange that goes on beside other steps: its number among the communicator's calls, and when it was made.
  struct Exchange {
    std::uint64_t call = 0;
    StepTimer::Clock::time_point begin = {}, end = {};
  };
  std::unordered_map<std::size_t, Exchange> exchanges_;  // by their steps
  std::vector<const std::byte*> variables_;              // where they were when addresses_ were resolved
  std::byte* base_ = nullptr;
  bool bound_ = false;
  std::unique_ptr<GpuRun> gpu_;  // of a plan for a GPU
};

/// A plan that can be run from several threads: executions and arenas come from pools.
class STRATA_API Executable {
 public:
  Executable(std::shared_ptr<const Plan> plan, std::shared_ptr<ArenaPool> arenas);
  /// Error naming the input whose type differs from the plan's.
  Tensors run(const Tensors& inputs, StepTimer* timer = nullptr);
  const Plan& plan() const { return *plan_; }
  const std::shared_ptr<const Plan>& shared_plan() const { return plan_; }

 private:
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<ArenaPool> arenas_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Execution>> idle_;
};

namespace debugging {
/// Steps planned from now on stop with an Error at the first NaN or infinity; it names the op and the layer that
/// produced it. Ops are not fused then, and every step's results are looked at: slow.
STRATA_API void enable_check_numerics(bool enabled = true);
STRATA_API bool check_numerics_enabled();
/// Prints one line to stderr for every kernel of every step planned from now on: op, layer, device, types.
STRATA_API void set_log_device_placement(bool enabled);
STRATA_API bool log_device_placement();
}  // namespace debugging

}  // namespace strata
