#include "distributed/replicas.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <unordered_map>

#include "distributed/crew.h"
#include "distributed/in_process.h"
#include "distributed/mirrors.h"
#include "distributed/replica_graph.h"

namespace strata::distribute {

struct Replicas::State {
  explicit State(const Strategy& s) : strategy(s), mirrors(s.devices()) {}

  /// That of the first `members` replicas.
  InProcessGroup& group(std::size_t members) {
    const std::lock_guard lock(mutex);
    std::unique_ptr<InProcessGroup>& group = groups[members];
    if (!group) {
      std::vector<std::string> names;
      for (std::size_t r = 0; r < members; ++r) names.push_back(to_string(strategy.devices()[r]));
      group = std::make_unique<InProcessGroup>(
          std::move(names),
          std::chrono::milliseconds(static_cast<std::int64_t>(strategy.options().timeout_seconds * 1000)));
    }
    return *group;
  }

  /// The threads of each replica's kernels: the replicas of the processor share it, so that none waits for another's
  /// loop.
  std::shared_ptr<ThreadPool> pool(std::size_t replica) {
    if (strategy.devices()[replica].kind != DeviceKind::cpu) return nullptr;
    const int threads = std::max(1, config::num_threads() / strategy.num_replicas_in_sync());
    const std::lock_guard lock(mutex);
    pools.resize(strategy.devices().size());
    std::shared_ptr<ThreadPool>& own = pools[replica];
    if (!own || own->threads() != threads) own = std::make_shared<ThreadPool>(threads);
    return own;
  }

  Strategy strategy;
  Mirrors mirrors;
  Crew crew;
  std::mutex running;  // held while a step runs
  std::int64_t steps = 0;
  std::mutex mutex;  // of the following
  std::map<std::size_t, std::unique_ptr<InProcessGroup>> groups;
  std::vector<std::shared_ptr<ThreadPool>> pools;
};

Replicas::Replicas(const Strategy& strategy) : state_(std::make_unique<State>(strategy)) {}
Replicas::~Replicas() = default;

const Strategy& Replicas::strategy() const { return state_->strategy; }

std::vector<Replication> Replicas::shares(std::int64_t samples) const {
  const auto members = std::clamp<std::int64_t>(samples, 1, count());
  std::vector<Replication> all;
  for (std::int64_t r = 0; r < members; ++r)
    all.push_back({static_cast<int>(members), samples / members + (r < samples % members ? 1 : 0), samples});
  return all;
}

Replicas::Step Replicas::compile(const std::vector<Part>& parts, const Variables& own_streams,
                                 const PlanOptions& options, const std::shared_ptr<ArenaPool>& arenas) {
  OwnStreams own;
  for (const Variable& v : own_streams) own.insert(v.id());
  std::unordered_map<const void*, std::shared_ptr<Mirror>> used;
  const auto mirror_of = [&](const Variable& v) -> const Mirror& {
    std::shared_ptr<Mirror>& mirror = used[v.id()];
    if (!mirror) mirror = state_->mirrors.of(v, own.contains(v.id()));
    return *mirror;
  };
  Step step;
  for (std::size_t r = 0; r < parts.size(); ++r) {
    const Part& part = parts[r];
    const bool alone = parts.size() == 1;
    const Graph graph = alone ? part.graph : with_equal_updates(part.graph, own, part.replication);
    PlanOptions here = options;
    here.device = strategy().devices()[r];
    here.threads = state_->pool(r);
    here.memory_on_hand += arenas->idle_bytes(here.device);
    if (!alone) here.communicator = state_->group(parts.size()).communicator(static_cast<int>(r));
    auto plan =
        Plan::compile(part.inputs, with_variables(graph, [&](const Variable& v) { return mirror_of(v).of(r); }), here);
    step.parts.push_back(std::make_shared<Executable>(std::move(plan), arenas));
  }
  for (const auto& [id, mirror] : used) step.mirrors.push_back(mirror);
  return step;
}

std::vector<Tensors> Replicas::run(const Step& step, const std::vector<Tensors>& inputs, StepTimer* timer) {
  const std::lock_guard lock(state_->running);
  const std::size_t members = step.parts.size();
  InProcessGroup& group = state_->group(members);
  for (const auto& mirror : step.mirrors) mirror->follow(members);
  const std::int64_t number = state_->steps++;
  std::vector<Tensors> outputs(members);
  std::exception_ptr cause;  // that of the replica that failed first: the others' errors follow from it
  const auto take_part = [&](int rank) {
    const auto r = static_cast<std::size_t>(rank);
    try {
      group.communicator(rank)->begin_step(number);
      outputs[r] = step.parts[r]->run(inputs[r], r == 0 ? timer : nullptr);
    } catch (const std::exception& e) {
      if (group.abort_because_of(rank, e.what()))
        cause =
            dynamic_cast<const MemoryError*>(&e) != nullptr  // which names its device
                ? std::current_exception()
                : std::make_exception_ptr(Error(group.title(rank), "step " + std::to_string(number) + ": " + e.what()));
      throw;
    }
  };
  try {
    state_->crew.run(static_cast<int>(members), take_part);
  } catch (...) {
    for (const auto& mirror : step.mirrors) mirror->forget();
    group.recover();
    if (cause) std::rethrow_exception(cause);
    throw;
  }
  for (const auto& mirror : step.mirrors) mirror->has_followed(members);
  return outputs;
}

}  // namespace strata::distribute
