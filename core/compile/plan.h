#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/compile/graph.h"
#include "core/device/communicator.h"
#include "core/device/thread_pool.h"

namespace strata {

class GpuCommunicator;

struct PlanOptions {
  /// Off: node by node, each op in a kernel of its own, in program order.
  bool fuse = true;
  /// Off: no kernel writes over its input, every block has memory of its own.
  bool reuse_memory = true;
  /// After every step, look for NaN and infinity in what it wrote.
  bool check_numerics = false;
  /// Off: the kernels of a GPU are launched one by one in every step, instead of being recorded once and replayed.
  bool record = true;
  /// Off: every exchange with other replicas is over before the next kernel runs. On: those on which only updates of
  /// variables wait go on beside the kernels that follow, as long as there are enough of them.
  bool overlap = true;
  /// Where the step runs. Its variables must be there; constants are copied there.
  Device device = current_device();
  /// Most bytes that peak_bytes() may come to, 0 for any number: to stay within, the plan computes results again
  /// instead of keeping them. It changes no bit of what the plan computes.
  std::size_t memory_limit = 0;
  /// Without a limit: how many percent of memory one percent more of the estimated time has to save for results to be
  /// computed again. Only plans that take more than a few hundred megabytes are looked at; 0 for none.
  double cheap_repetition = 0;
  /// Off: the plan is made even if the device has no memory for it.
  bool check_memory = true;
  /// Bytes in use on the device that will be free, or the plan's own, when it runs: idle arenas.
  std::int64_t memory_on_hand = 0;
  /// Joins the plan to those of the other replicas, which run at the same time; null where there is only one.
  std::shared_ptr<Communicator> communicator = {};
  /// The same among GPUs, beside `communicator`; null where arrays pass through the processor's memory.
  std::shared_ptr<GpuCommunicator> gpu_communicator = {};
  /// The threads of kernels for the processor; null: those that all plans of the process share.
  std::shared_ptr<ThreadPool> threads = {};
};

/// What it costs to stay within PlanOptions::memory_limit, or what PlanOptions::cheap_repetition found worth while.
struct Recomputation {
  std::size_t bytes_without = 0;  ///< peak_bytes() of the plan that computes nothing twice
  std::size_t operations = 0;     ///< steps that compute something again
  double share = 0;               ///< of the step's estimated time without them (Cost::time)
};

/// One sentence: bytes saved, and at which cost.
STRATA_API std::string describe(const Recomputation&, std::size_t peak_bytes);

/// Where a kernel finds one of its arguments.
struct Place {
  enum class Kind : std::uint8_t { arena, variable, constant, input, output };
  Kind kind = Kind::arena;
  std::size_t index = 0;   ///< of the variable, constant, input or output
  std::size_t offset = 0;  ///< in the arena, bytes
};

struct PlanStep {
  Kernel kernel;
  Signature signature;
  std::vector<Place> in, out;
  std::size_t scratch_offset = 0;
  std::string op;     ///< "conv2d", "fused(subtract, multiply)", "commit"
  std::string layer;  ///< path of the layer it came from, empty outside of layers
  bool gradient = false;
  /// In a plan for a GPU: that GPU, or the processor for an op that has no kernel for it.
  Device device = {};
  double flops = 0;    ///< of a product or a convolution: its multiplications and additions
  bool again = false;  ///< computes what an earlier step has computed, to save memory
  /// Of an exchange that goes on beside the steps behind it: the "wait", a step without a kernel, at which it ends.
  std::optional<std::size_t> ends_at = {};
  /// Of a "wait": the exchange.
  std::optional<std::size_t> waits_for = {};
};

/// A compiled graph: kernels in order, and where each finds its arguments. Immutable and shared; an Execution adds memory.
class STRATA_API Plan {
 public:
  /// `inputs` are placeholders; placeholders of the graph that are not among them are an error, and so is a variable on
  /// another device. A MemoryError when the plan cannot be brought within PlanOptions::memory_limit, or needs more than the
  /// device has (config::free_memory; a processor without a limit may use its swap space, too): it says what is needed and
  /// what there is. Ops that a GPU has no kernel for are named once on stderr.
  static std::shared_ptr<const Plan> compile(const Values& inputs, const Graph& graph, const PlanOptions& options = {});

  const std::vector<PlanStep>& steps() const { return steps_; }
  const Types& input_types() const { return input_types_; }
  const Types& output_types() const { return output_types_; }
  const Variables& variables() const { return variables_; }
  /// Those of them that a step writes.
  const Variables& written() const { return written_; }
  const Tensors& constants() const { return constants_; }
  bool on_gpu() const { return options_.device.kind == DeviceKind::gpu; }
  /// Bytes of the arena: all that a step needs beside variables, constants, inputs and outputs.
  std::size_t arena_bytes() const { return arena_bytes_; }
  /// Arena, outputs, constants, and on a GPU three times the inputs, which are copied while the step before runs: what an
  /// execution takes from the device.
  std::size_t peak_bytes() const;
  /// Multiplications and additions of the products and convolutions, by their definitions: the arithmetic that a step
  /// is for. What is computed again to save memory does not count.
  double flops() const;
  /// Whether there are exchanges that go on beside other steps.
  bool overlaps() const;
  /// What is computed twice; nothing is without a memory limit, and where the plan keeps within it anyway.
  const std::optional<Recomputation>& recomputation() const { return recomputation_; }
  const PlanOptions& options() const { return options_; }
  const std::shared_ptr<ThreadPool>& threads() const { return threads_; }

  /// One line per step: number, op, layer, argument types, bytes and places; where an exchange begins that goes on
  /// beside other steps, where it ends.
  std::string dump() const;
  /// The same as a Graphviz graph.
  std::string dump_graphviz() const;

 private:
  friend class PlanBuilder;
  Plan() = default;
  std::vector<PlanStep> steps_;
  Types input_types_, output_types_;
  Variables variables_, written_;
  Tensors constants_;
  std::size_t arena_bytes_ = 0;
  std::optional<Recomputation> recomputation_;
  PlanOptions options_;
  std::shared_ptr<ThreadPool> threads_;
};

}  // namespace strata
