#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/compile/graph.h"
#include "core/device/thread_pool.h"

namespace strata {

struct PlanOptions {
  /// Off: node by node, each op in a kernel of its own, in program order.
  bool fuse = true;
  /// Off: no kernel writes over its input, every block has memory of its own.
  bool reuse_memory = true;
  /// After every step, look for NaN and infinity in what it wrote.
  bool check_numerics = false;
  /// Off: the kernels of a GPU are launched one by one in every step, instead of being recorded once and replayed.
  bool record = true;
  /// Where the step runs. Its variables must be there; constants are copied there.
  Device device = current_device();
};

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
};

/// A compiled graph: kernels in order, and where each finds its arguments. Immutable and shared; an Execution adds memory.
class STRATA_API Plan {
 public:
  /// `inputs` are placeholders; placeholders of the graph that are not among them are an error, and so is a variable on
  /// another device. Refused when the arena would go beyond the device's memory limit: the error says what it needs. Ops
  /// that a GPU has no kernel for are named once on stderr.
  static std::shared_ptr<const Plan> compile(const Values& inputs, const Graph& graph, const PlanOptions& options = {});

  const std::vector<PlanStep>& steps() const { return steps_; }
  const Types& input_types() const { return input_types_; }
  const Types& output_types() const { return output_types_; }
  const Variables& variables() const { return variables_; }
  const Tensors& constants() const { return constants_; }
  bool on_gpu() const { return options_.device.kind == DeviceKind::gpu; }
  /// Bytes of the arena: all that a step needs beside variables, constants, inputs and outputs.
  std::size_t arena_bytes() const { return arena_bytes_; }
  /// Arena, outputs, constants, and on a GPU three times the inputs, which are copied while the step before runs: what an
  /// execution takes from the device.
  std::size_t peak_bytes() const;
  const PlanOptions& options() const { return options_; }
  const std::shared_ptr<ThreadPool>& threads() const { return threads_; }

  /// One line per step: number, op, layer, argument types, bytes and places.
  std::string dump() const;
  /// The same as a Graphviz graph.
  std::string dump_graphviz() const;

 private:
  friend class PlanBuilder;
  Plan() = default;
  std::vector<PlanStep> steps_;
  Types input_types_, output_types_;
  Variables variables_;
  Tensors constants_;
  std::size_t arena_bytes_ = 0;
  PlanOptions options_;
  std::shared_ptr<ThreadPool> threads_;
};

}  // namespace strata
