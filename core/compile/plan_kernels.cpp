#include <cstdio>
#include <mutex>
#include <set>

#include "core/compile/fused.h"
#include "core/compile/plan_builder.h"
#include "core/compile/scatter_gather.h"
#include "core/ops/repeat.h"

// The kernels of a plan, made once for each node.
namespace strata {

namespace {
/// Once in a process for each op: the user should know why a step is slow, not read it at every batch size.
void report_missing_kernel(const Node& node, const Signature& s) {
  static auto& mutex = *new std::mutex;
  static auto& reported = *new std::set<std::string, std::less<>>;
  const std::lock_guard lock(mutex);
  if (!reported.emplace(node.op().name()).second) return;
  std::string types;
  for (const Type& t : s.inputs) types += (types.empty() ? "" : ", ") + to_string(t);
  std::fprintf(stderr,
               "strata: %s has no kernel for a GPU (%s): it runs on the processor, and its arguments are copied there "
               "and back in every step\n",
               node.label().c_str(), types.c_str());
}
}  // namespace

void PlanBuilder::prepare_kernels() {
  const CpuTarget target{plan_->threads_->threads(), plan_->options_.communicator};
  const auto compiled = compile_tiles();
  for (const NodePtr& node : nodes(graph_)) {
    if (is_leaf(*node)) continue;
    Signature s;
    for (const Value& v : node->inputs()) s.inputs.push_back(v.type());
    s.outputs = node->types();
    kernels_.emplace(node.get(), plan_->on_gpu() ? prepare_for_gpu(*node, target, s) : node->op().prepare(target, s));
    signatures_.emplace(node.get(), std::move(s));
  }
}

/// All elementwise kernels for a GPU at once, which takes several threads; preparing finds them while the result lives.
std::shared_ptr<const void> PlanBuilder::compile_tiles() const {
  if constexpr (has_cuda_kernels) {
    if (!plan_->on_gpu()) return nullptr;
    std::vector<std::vector<TileProgram>> programs;
    for (const NodePtr& node : nodes(graph_)) {
      if (node->op().as<BroadcastTo>()) continue;  // fused with nothing, it has a kernel of its own
      if (auto of_node = tile_programs_of(*node); !of_node.empty()) programs.push_back(std::move(of_node));
    }
    return compile_tile_programs(programs, Cuda::of(plan_->options_.device.index).target());
  }
  return nullptr;
}

/// The GPU's kernel, or the processor's where there is none.
Kernel PlanBuilder::prepare_for_gpu(const Node& node, const CpuTarget& processor, const Signature& s) const {
  const Cuda& gpu = Cuda::of(plan_->options_.device.index);
  if (plan_->options_.gpu_communicator)
    if (auto kernel = exchange_among_gpus(node.op(), plan_->options_.gpu_communicator, s)) return *std::move(kernel);
  if (auto kernel = node.op().prepare(gpu.target(), s)) return *std::move(kernel);
  Kernel kernel = node.op().prepare(processor, s);
  // Why replicas exchange through the processor's memory has been said.
  if (!kernel.view && !is_exchange(node.op())) report_missing_kernel(node, s);
  return kernel;
}

}  // namespace strata
