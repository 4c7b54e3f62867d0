#include "core/compile/plan.h"

#include <algorithm>

#include "core/compile/bucket_reductions.h"
#include "core/compile/group_updates.h"
#include "core/compile/plan_builder.h"
#include "core/device/free_memory.h"

namespace strata {

namespace {
/// Below, a step's memory is not worth the milliseconds that the search for cheap repetitions takes.
constexpr std::size_t worth_planning = std::size_t{256} << 20;

/// Plans that compute ever more again, until one keeps within the limit. What the pass estimates leaves out the gaps in
/// the arena, so that it may take several attempts.
std::shared_ptr<const Plan> plan_within_limit(const Values& inputs, const PlanBuilder& builder, const Plan& whole) {
  const std::size_t limit = whole.options().memory_limit;
  const std::size_t beside = whole.peak_bytes() - whole.arena_bytes();
  std::size_t target = limit > beside ? limit - beside : 0, least = whole.peak_bytes();
  for (;;) {
    const Rematerialized less = builder.with_arena_of(target);
    const auto plan = PlanBuilder(inputs, less, builder).build();
    if (plan->peak_bytes() <= limit) return plan;
    least = std::min(least, plan->peak_bytes());
    const std::size_t excess = plan->peak_bytes() - limit;
    if (less.estimated_bytes > target || excess >= target) break;
    target = std::min(target, less.estimated_bytes) - std::min(less.estimated_bytes, excess);
  }
  throw MemoryError(to_string(whole.options().device),
                    "a step needs " + std::to_string(least) +
                        " bytes, even with everything computed again that lowers its peak (" +
                        std::to_string(whole.peak_bytes()) + " without), but compile's memory_limit is " +
                        std::to_string(limit) + " bytes");
}

/// The plan with what is cheap computed again, or the plan itself where nothing is gained.
std::shared_ptr<const Plan> plan_with_less(const Values& inputs, const PlanBuilder& builder,
                                           std::shared_ptr<const Plan> whole) {
  const Rematerialized less = builder.with_less_if_cheap(whole->options().cheap_repetition);
  if (less.repeated.empty()) return whole;
  auto plan = PlanBuilder(inputs, less, builder).build();
  return plan->peak_bytes() < whole->peak_bytes() ? plan : whole;
}

/// An exchange through the processor's memory takes little to begin and long to come to its end: smaller buckets leave
/// more of the backward pass beside it. All replicas have a GpuCommunicator, or none.
BucketSizes bucket_sizes(const PlanOptions& options) {
  BucketSizes sizes;
  if (!options.gpu_communicator) sizes.others = std::size_t{4} << 20;
  return sizes;
}

void check_memory(const Plan& plan) {
  const Device device = plan.options().device;
  const auto needed = static_cast<std::int64_t>(plan.peak_bytes());
  const std::int64_t limit = config::memory_limit(device),
                     used = config::memory_in_use(device) - plan.options().memory_on_hand;
  if (limit > 0) {
    if (used + needed > limit)
      throw MemoryError(to_string(device), "a step needs " + std::to_string(needed) + " bytes beside the " +
                                               std::to_string(used) + " in use, but the memory limit is " +
                                               std::to_string(limit) + " bytes");
    return;
  }
  const std::int64_t available =
      config::free_memory(device) + config::swap_space(device) + plan.options().memory_on_hand;
  if (needed > available)
    throw MemoryError(to_string(device), "a step needs " + std::to_string(needed) + " bytes, but only " +
                                             std::to_string(available) + " are free, swap space included");
}
}  // namespace

std::shared_ptr<const Plan> Plan::compile(const Values& inputs, const Graph& graph, const PlanOptions& options) {
  Graph g = simplify(graph);
  if (options.communicator) g = bucket_reductions(g, bucket_sizes(options));
  if (options.fuse) {
    const DeviceKind kind = options.device.kind;
    if (kind == DeviceKind::cpu) g = simplify(fold_scales(g));
    g = fuse_batch_norm(narrow_batch_norm(g, kind));
    g = fuse_elementwise(fuse_epilogues(g));
    if (kind == DeviceKind::gpu) g = group_updates(g);
  }
  PlanBuilder builder(inputs, g, options);
  std::shared_ptr<const Plan> plan = builder.build();
  if (options.memory_limit > 0 && plan->peak_bytes() > options.memory_limit && plan->overlaps()) {
    PlanOptions in_turn = options;  // what waits for exchanges takes memory: better than to compute something again
    in_turn.overlap = false;
    return compile(inputs, graph, in_turn);
  }
  if (options.memory_limit > 0 && plan->peak_bytes() > options.memory_limit)
    plan = plan_within_limit(inputs, builder, *plan);
  else if (options.memory_limit == 0 && options.cheap_repetition > 0 && plan->arena_bytes() > worth_planning)
    plan = plan_with_less(inputs, builder, plan);
  if (options.check_memory) check_memory(*plan);
  return plan;
}

std::size_t Plan::peak_bytes() const {
  std::size_t total = arena_bytes_;
  for (const Type& t : output_types_) total += t.bytes();
  for (const Tensor& t : constants_) total += t.bytes();
  for (const Type& t : input_types_) total += on_gpu() ? 3 * t.bytes() : 0;
  return total;
}

bool Plan::overlaps() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const PlanStep& s) { return s.ends_at.has_value(); });
}

double Plan::flops() const {
  double total = 0;
  for (const PlanStep& step : steps_) total += step.again ? 0 : step.flops;
  return total;
}

}  // namespace strata
