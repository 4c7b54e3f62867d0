#pragma once

#include <memory>
#include <vector>

#include "core/compile/execution.h"
#include "core/graph/replication.h"
#include "distributed/strategy.h"

namespace strata::distribute {

class Mirror;

/// What the replicas of one model have: threads, a way to exchange numbers, and copies of its variables. The model's
/// own variables are those of the first replica; the others' follow whatever changes them. Internal.
class Replicas {
 public:
  /// What one replica computes, in terms of the model's variables.
  struct Part {
    Values inputs;
    Graph graph;
    Replication replication;
  };
  /// A step that the first replicas run together, compiled: the parts of those in this process.
  struct Step {
    std::vector<std::shared_ptr<Executable>> parts;
    std::vector<std::shared_ptr<Mirror>> mirrors;
    int members = 1;  ///< replicas that take part, wherever they are
    /// Where there are several processes: what those must hear of that take no part, and what all must agree on before
    /// they run it for the first time.
    Variables updated = {};
    std::shared_ptr<std::string> unchecked_program = {};
    /// Variables that one replica alone has in this step, and where that is.
    std::vector<std::pair<Variable, Device>> divided = {};
  };
  /// What StrategyOptions::shard_optimizer_state may divide: weights that are trained, and variables of the optimizer.
  struct Trained {
    Variables weights, optimizer;
  };

  explicit Replicas(const Strategy& strategy);
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;
  ~Replicas();

  const Strategy& strategy() const;
  int count() const { return strategy().num_replicas_in_sync(); }
  /// How the samples of a batch are shared: the first ones get one more where it does not come out even; if there are
  /// fewer samples than replicas, so many take part.
  std::vector<Replication> shares(std::int64_t samples) const;
  /// The replicas in this process whose parts compile and run want, by their place among so many shares. A process that
  /// takes no part compiles the last one's part, and does not run it.
  std::vector<std::size_t> here(std::size_t shares) const;

  /// One part for each of the replicas here. `own_streams` are states of random streams. Of the options the device,
  /// the threads and the communicators are each replica's.
  Step compile(const std::vector<Part>& parts, const Variables& own_streams, const PlanOptions& options,
               const std::shared_ptr<ArenaPool>& arenas, const Trained& trained = {});
  /// Outputs of each replica here; none of one that takes no part. Of several callers each waits for the one before.
  /// The timer is told of the first replica's kernels. After an error, which says on which replica it came up, the
  /// replicas have the model's variables as they are; where there are several processes, no further step is possible.
  std::vector<Tensors> run(const Step& step, const std::vector<Tensors>& inputs, StepTimer* timer = nullptr);

 private:
  std::vector<Tensors> run_among_processes(const Step&, const std::vector<Tensors>& inputs, StepTimer*);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::distribute
