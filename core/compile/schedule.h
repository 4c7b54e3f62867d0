#pragma once

#include <unordered_map>

#include "core/compile/graph.h"

namespace strata {

/// An order of execution, and which outputs are written straight into their variable.
struct Schedule {
  std::vector<NodePtr> order;  ///< without leaves
  /// Node -> for each output, the update (index into Graph::updates) that it writes in place; -1 for none.
  std::unordered_map<const Node*, std::vector<int>> in_place_updates;
};

/// Program order, except that an update runs as soon as its value is known and nothing else needs the old one, and so
/// do results of a few bytes, on which updates may be waiting. A node writes a variable in place when `may_overwrite`
/// allows it, it reads the variable, and every other reader can run before it.
struct ScheduleRules {
  std::function<bool(const Node& node, int input, int output)> may_overwrite;
  std::function<bool(const Node& node)> is_view;  ///< its output is its first input's memory
  /// Instead of program order, if given: of the nodes that are ready, the one with the smallest number is next.
  const std::unordered_map<const Node*, std::size_t>* places = nullptr;
  /// What needs the sums of a bucket (may_go_on) comes when nothing else is ready, so that there is work beside the
  /// exchange.
  bool overlap = false;
};
Schedule make_schedule(const Graph&, const ScheduleRules&);

}  // namespace strata
