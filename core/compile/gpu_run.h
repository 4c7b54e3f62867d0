#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/compile/plan.h"
#include "core/compile/step_timer.h"
#include "core/device/gpu_communicator.h"

namespace strata {

/// What an Execution has besides its addresses when its plan is for a GPU: places for inputs and outputs that never
/// move, the recorded steps, and memory of the processor for the steps that run there. The caller holds a Cuda::Use.
class GpuRun {
 public:
  explicit GpuRun(std::shared_ptr<const Plan> plan);
  GpuRun(const GpuRun&) = delete;
  GpuRun& operator=(const GpuRun&) = delete;
  ~GpuRun();

  std::byte* input(std::size_t i) { return fixed_->data() + inputs_[i]; }
  std::byte* output(std::size_t i) { return fixed_->data() + outputs_[i]; }

  /// Enqueues the way of the inputs to their places; they lie on the device or in the processor's memory. Those are
  /// read before it returns, and travel beside the kernels of the step before.
  void bring(const Tensors& inputs);
  /// Enqueues all steps. The first time one by one, so that libraries load what they need; then they are recorded, and
  /// replayed as long as the arena stays where it is. With a timer, which is told of each, they are not recorded.
  /// Replicas that exchange by a GpuCommunicator all do the same of this.
  void run(const std::vector<void*>& addresses, const std::vector<std::size_t>& first_address, std::byte* arena,
           StepTimer* timer = nullptr);
  /// After addresses have changed.
  void forget_recording() { recorded_arena_ = nullptr; }
  /// Enqueues copies of the outputs.
  void deliver(Tensors& outputs);

 private:
  struct Lane;     // one of two ways for inputs, used in turn
  struct Section;  // steps that are recorded together, or one that runs on the processor
  struct Fork;     // where an exchange leaves the stream, and comes back
  using Way = GpuCommunicator::Way;
  void make_sections();
  Way way_to_run();
  void record();
  void launch(std::size_t begin, std::size_t end);
  void launch_step(std::size_t step);
  void record_section(const Section&);
  void fork(std::size_t exchange);
  void join(std::size_t exchange);
  void run_on_processor(std::size_t step);
  void check_numerics(std::size_t step);

  std::shared_ptr<const Plan> plan_;
  Cuda& gpu_;
  std::vector<std::size_t> inputs_, outputs_;  // offsets in fixed_; the inputs' are those in a lane, too
  std::size_t input_bytes_ = 0;
  std::shared_ptr<Storage> fixed_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::size_t turn_ = 0;
  std::vector<Section> sections_;
  std::unordered_map<std::size_t, std::unique_ptr<Fork>> forks_;  // of exchanges that go on beside other steps
  std::vector<std::byte> host_memory_;
  std::byte* recorded_arena_ = nullptr;
  bool warm_ = false;
  std::uint64_t generation_ = 0;  // of the communicator that the run was warmed up with
  // Of the run at hand.
  const std::vector<void*>* addresses_ = nullptr;
  const std::vector<std::size_t>* first_address_ = nullptr;
  std::byte* arena_ = nullptr;
  StepTimer* timer_ = nullptr;
};

}  // namespace strata
