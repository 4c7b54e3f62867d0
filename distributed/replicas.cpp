#include "distributed/replicas.h"

#include <algorithm>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <unordered_map>

#include "core/base/parts.h"
#include "distributed/agreement.h"
#include "distributed/crew.h"
#include "distributed/divided_updates.h"
#include "distributed/exchange.h"
#include "distributed/mirrors.h"
#include "distributed/process_group.h"
#include "distributed/replica_graph.h"

namespace strata::distribute {

struct Replicas::State {
  explicit State(const Strategy& s) : strategy(s), mirrors(s.devices(), static_cast<std::size_t>(s.rank())) {}

  /// That of the first `members` replicas, of which one here must be.
  Exchange& exchange(std::size_t members) {
    const std::lock_guard lock(mutex);
    std::unique_ptr<Exchange>& exchange = exchanges[members];
    if (!exchange) exchange = std::make_unique<Exchange>(strategy, members);
    return *exchange;
  }

  bool is_checked(std::int64_t step) const {
    const int every = strategy.options().check_parameters_every;
    return every > 0 && (step + 1) % every == 0;
  }

  /// Whether the replicas here exchange numbers in a step of so many.
  bool has_part(int members) const { return members > 1 && strategy.rank() < members; }

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

  /// After an error: nobody knows which variables the replicas have changed.
  void start_afresh(Exchange& exchange) {
    mirrors.forget();
    exchange.recover();
  }

  Strategy strategy;
  Mirrors mirrors;
  Crew crew;
  std::mutex running;  // held while a step runs
  std::int64_t steps = 0;
  std::mutex mutex;  // of the following
  std::map<std::size_t, std::unique_ptr<Exchange>> exchanges;
  std::vector<std::shared_ptr<ThreadPool>> pools;
};

Replicas::Replicas(const Strategy& strategy) : state_(std::make_unique<State>(strategy)) {}
Replicas::~Replicas() = default;

const Strategy& Replicas::strategy() const { return state_->strategy; }

std::vector<Replication> Replicas::shares(std::int64_t samples) const {
  const auto members = std::clamp<std::int64_t>(samples, 1, count());
  std::vector<Replication> all;
  for (std::int64_t r = 0; r < members; ++r)
    all.push_back({static_cast<int>(members),
                   begin_of_part(samples, members, r + 1) - begin_of_part(samples, members, r), samples});
  return all;
}

std::vector<std::size_t> Replicas::here(std::size_t shares) const {
  if (strategy().processes()) return {std::min(static_cast<std::size_t>(strategy().rank()), shares - 1)};
  std::vector<std::size_t> all(shares);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

Replicas::Step Replicas::compile(const std::vector<Part>& parts, const Variables& own_streams,
                                 const PlanOptions& options, const std::shared_ptr<ArenaPool>& arenas,
                                 const Trained& trained) {
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
  Division division;
  if (strategy().options().shard_optimizer_state) division = divide(parts[0].graph, trained, step.members);
  for (const Variable& v : trained.optimizer)
    if (const auto owner = division.state.find(v.id()); owner != division.state.end()) {
      step.divided.emplace_back(v, strategy().devices()[static_cast<std::size_t>(owner->second)]);
      v.move_to(step.divided.back().second);
    }
  for (std::size_t r = 0; r < parts.size(); ++r) {
    const Part& part = parts[r];
    Graph graph = alone ? part.graph : with_equal_updates(part.graph, own, part.replication);
    if (!alone && !division.weights.empty())
      graph = with_divided_updates(graph, division, static_cast<int>(r), step.members);
    const auto here_of = [&](const Variable& v) { return division.state.contains(v.id()) ? v : mirror_of(v).of(r); };
    PlanOptions here = options;
    here.device = strategy().devices()[r];
    here.threads = state_->pool(r);
    here.memory_on_hand += arenas->idle_bytes(here.device);
    if (state_->has_part(step.members)) {
      const Exchange& exchange = state_->exchange(static_cast<std::size_t>(step.members));
      here.communicator = exchange.communicator(r);
      here.gpu_communicator = exchange.gpu_communicator(r);
    }
    auto plan = Plan::compile(part.inputs, with_variables(graph, here_of), here);
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
  const Exchange* const exchange =
      state_->has_part(step.members) ? &state_->exchange(static_cast<std::size_t>(step.members)) : nullptr;
  const std::int64_t number = state_->steps++;
  std::vector<Tensors> outputs;
  try {
    all->begin_step(number);
    if (exchange != nullptr) exchange->begin_step(0, number);
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
    if (exchange != nullptr) exchange->abort_gpus(what);
    if (!group.abort(what) || dynamic_cast<const MemoryError*>(&e) != nullptr) throw;  // which says where it came up
    throw Error(group.title(group.rank()), what);
  }
  return outputs;
}

namespace {
/// What lies on another replica's GPU, such as data made in the scope, is brought over before they run: each holds its
/// GPU then, and a copy would wait for one that waits for the copy.
std::vector<Tensors> brought(std::vector<Tensors> inputs, const std::vector<Device>& devices) {
  for (std::size_t r = 0; r < inputs.size(); ++r)
    for (Tensor& t : inputs[r])
      if (t.device().kind == DeviceKind::gpu && t.device() != devices[r]) t = t.to(devices[r]);
  return inputs;
}
}  // namespace

std::vector<Tensors> Replicas::run(const Step& step, const std::vector<Tensors>& inputs, StepTimer* timer) {
  const std::lock_guard lock(state_->running);
  if (strategy().processes()) return run_among_processes(step, inputs, timer);
  const std::size_t members = step.parts.size();
  Exchange& exchange = state_->exchange(members);
  if (exchange.failed()) state_->start_afresh(exchange);
  for (const auto& mirror : step.mirrors) mirror->follow(members);
  for (const auto& [variable, device] : step.divided)  // a step of fewer replicas may have had it elsewhere
    if (variable.value().device() != device) variable.move_to(device);
  const std::int64_t number = state_->steps++;
  const std::vector<Tensors> arguments = brought(inputs, strategy().devices());
  std::vector<Tensors> outputs(members);
  std::exception_ptr cause;  // that of the replica that failed first: the others' errors follow from it
  const auto take_part = [&](int rank) {
    const auto r = static_cast<std::size_t>(rank);
    try {
      exchange.begin_step(r, number);
      outputs[r] = step.parts[r]->run(arguments[r], r == 0 ? timer : nullptr);
    } catch (const std::exception& e) {
      if (const auto first = exchange.fail(r, number, e)) cause = first;
      throw;
    }
  };
  try {
    state_->crew.run(static_cast<int>(members), take_part);
  } catch (...) {
    state_->start_afresh(exchange);
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
