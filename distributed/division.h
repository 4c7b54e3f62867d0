#pragma once

#include <unordered_map>

#include "core/compile/graph.h"
#include "distributed/replicas.h"

namespace strata::distribute {

/// Which replica updates what alone (StrategyOptions::shard_optimizer_state), by Variable::id(). Internal.
struct Division {
  std::unordered_map<const void*, int> weights;
  /// What the optimizer keeps for one weight: the replica of that weight has it.
  std::unordered_map<const void*, int> state;
};

/// Shares the weights out by the bytes of their state, the largest first. Left out are weights without any, and state
/// that updates of several weights read, such as a learning rate.
Division divide(const Graph& step, const Replicas::Trained& trained, int replicas);

}  // namespace strata::distribute
