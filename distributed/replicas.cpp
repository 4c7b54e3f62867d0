#include "distributed/replicas.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <unordered_map>

#include "distributed/agreement.h"
#include "distributed/crew.h"
#include "distributed/in_process.h"
#include "distributed/mirrors.h"
#include "distributed/process_group.h"
#include "distributed/replica_graph.h"

namespace strata::distribute {

struct Replicas::State {
  explicit State(const Strategy& s) : strategy(s), mirrors(s.devices(), static_cast<std::size_t>(s.rank())) {}

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

  bool is_checked(std::int64_t step) const {
    const int every = strategy.options().check_parameters_every;
    return every > 0 && (step + 1) % every == 0;
  }

  /// What replica r here exchanges numbers with; null where it is alone or takes no part.
  std::shared_ptr<Communicator> communicator(std::size_t members, std::size_t r) {
    if (members == 1) return nullptr;
    if (!strategy.processes()) return group(members).communicator(static_cast<int>(r));
    if (strategy.rank() >= static_cast<int>(members)) return nullptr;
    return strategy.processes()->communicator(static_cast<int>(members));
  }

  /// The threads of each replica's kernels: the replicas of the processor share it, so that none waits for another's
  /// loop.
  std::shared_ptr<ThreadPool> pool(std::size_t replica) {
    if (strategy.devices()[replica].kind != DeviceKind::cpu) return nullptr;
    const int sharing =
        strategy.processes() ? strategy.processes()->on_this_machine() : strategy.num_replicas_in_sync();
    const int threads = std::max(1, config::num_threads() / sharing);
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

std::vector<std::size_t> Replicas::here(std::size_t shares) const {
  if (strategy().processes()) return {std::min(static_cast<std::size_t>(strategy().rank()), shares - 1)};
  std::vector<std::size_t> all(shares);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

Replicas::Step Replicas::compile(const std::vector<Part>& parts, const Variables& own_streams,
                                 const PlanOptions& options, const std::shared_ptr<ArenaPool>& arenas) {
  OwnStreams own;
  for (const Variable& v : own_streams) own.insert(v.id());
  Step step;
  step.members = parts[0].replication.replicas;
  const bool alone = step.members == 1;
  // In the order of their first use, which is the same in every process.
  std::unordered_map<const void*, Mirror*> used;
  const auto mirror_of = [&](const Variable& v) -> const Mirror& {
    Mirror*& mirror = used[v.id()];
    if (mirror == nullptr) mirror = step.mirrors.emplace_back(state_->mirrors.of(v, own.contains(v.id()))).get();
    return *mirror;
  };
  for (std::size_t r = 0; r < parts.size(); ++r) {
    const Part& part = parts[r];
    const Graph graph = alone ? part.graph : with_equal_updates(part.graph, own, part.replication);
    PlanOptions here = options;
    here.device = strategy().devices()[r];
    here.threads = state_->pool(r);
    here.memory_on_hand += arenas->idle_bytes(here.device);
    here.communicator = state_->communicator(static_cast<std::size_t>(step.members), r);
    auto plan =
        Plan::compile(part.inputs, with_variables(graph, [&](const Variable& v) { return mirror_of(v).of(r); }), here);
    step.parts.push_back(std::make_shared<Executable>(std::move(plan), arenas));
  }
  if (strategy().processes()) {
    const Part& part = parts[0];
    step.unchecked_program = std::make_shared<std::string>(description(part.inputs, part.graph, part.replication));
    for (const Update& u : part.graph.updates) step.updated.push_back(u.variable);
  }
  return step;
}

std::vector<Tensors> Replicas::run_among_processes(const Step& step, const std::vector<Tensors>& inputs,
                                                   StepTimer* timer) {
  const ProcessGroup& group = *strategy().processes();
  const auto all = group.communicator();
  const std::int64_t number = state_->steps++;
  std::vector<Tensors> outputs;
  try {
    all->begin_step(number);
    if (!step.unchecked_program->empty()) check_same_program(*all, *step.unchecked_program);
    step.unchecked_program->clear();
    share_news(*all, step.mirrors);
    for (const auto& mirror : step.mirrors) mirror->follow(1);
    if (group.rank() < step.members) outputs.push_back(step.parts[0]->run(inputs[0], timer));
    for (const auto& mirror : step.mirrors) {
      mirror->has_followed(1);
      mirror->has_shared();  // all have computed the same
    }
    if (step.members < group.size()) {
      for (const Variable& v : step.updated) share(*all, v);
      for (const auto& mirror : step.mirrors) mirror->has_shared();
    }
    if (state_->is_checked(number))
      check_same_parameters(gathered(*all, parameter_hashes(step.mirrors, 0)), step.mirrors);
  } catch (const std::exception& e) {
    const std::string what = "step " + std::to_string(number) + ": " + e.what();
    if (!group.abort(what) || dynamic_cast<const MemoryError*>(&e) != nullptr) throw;  // which says where it came up
    throw Error(group.title(group.rank()), what);
  }
  return outputs;
}

std::vector<Tensors> Replicas::run(const Step& step, const std::vector<Tensors>& inputs, StepTimer* timer) {
  const std::lock_guard lock(state_->running);
  if (strategy().processes()) return run_among_processes(step, inputs, timer);
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
  if (state_->is_checked(number)) {
    std::vector<std::vector<std::int64_t>> hashes;
    for (std::size_t r = 0; r < members; ++r) hashes.push_back(parameter_hashes(step.mirrors, r));
    check_same_parameters(hashes, step.mirrors);
  }
  return outputs;
}

}  // namespace strata::distribute
