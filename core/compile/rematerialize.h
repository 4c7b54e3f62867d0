#pragma once

#include <unordered_map>
#include <unordered_set>

#include "core/compile/recipe.h"

namespace strata {

/// A graph that computes some results a second time instead of keeping them.
struct Rematerialized {
  Graph graph;
  /// Every node of `graph` -> the node of the graph before whose op and types it has, so that both share one kernel.
  std::unordered_map<const Node*, NodePtr> original;
  /// When each node is to run, as ScheduleRules want it: what is computed again waits until it is needed.
  std::unordered_map<const Node*, std::size_t> places;
  std::unordered_set<const Node*> repeated;  ///< nodes that compute something again
  double repeated_time = 0, total_time = 0;  ///< Cost::time of the repeated nodes, and of all nodes before
  std::size_t estimated_bytes = 0;           ///< of values and scratch at the worst moment, gaps left out
};

/// Lets go of what is kept over the moment of the highest use of memory, until the estimated use stays within `target`
/// bytes or nothing helps any more (`estimated_bytes` says which). What was let go is computed again just before the
/// first node that wants it, from what is there at that time, by the same op on equal inputs with the same kernel:
/// results do not change by a bit. `schedule` is that of `graph`, and its nodes are those that will run: the pass comes
/// after the fusing ones, so it sees what memory is really for. The choice is greedy: of the values that live over the
/// peak and whose leaving lowers it, the one that adds the least time for each of its bytes. That is done with and
/// without dividing by how long the value lies unused (with it, it is the measure of Kirisame et al., "Dynamic Tensor
/// Rematerialization", 2021), and the better outcome is taken.
Rematerialized rematerialize(const Graph& graph, const Schedule& schedule, const KernelOf& kernel_of,
                             std::size_t target);

/// The same without a target: as long as it is worth its time. A share of the estimated time counts as much as `rate`
/// times that share of the memory; with 10, one percent more time has to save ten percent of the memory.
Rematerialized rematerialize_if_cheap(const Graph& graph, const Schedule& schedule, const KernelOf& kernel_of,
                                      double rate);

}  // namespace strata
