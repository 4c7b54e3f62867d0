#include "distributed/replica_graph.h"

#include <algorithm>

#include "core/ops/all_reduce.h"
#include "core/ops/binary.h"

namespace strata::distribute {

namespace {
/// Nodes whose results are not the same on all replicas.
std::unordered_set<const Node*> differing(const Graph& g, const OwnStreams& own) {
  std::unordered_set<const Node*> found;
  for (const NodePtr& node : nodes(g)) {
    if (node->op().as<AllReduce>()) continue;
    const auto* read = node->op().as<ReadVariable>();
    const auto differs = [&](const Value& v) { return found.contains(v.node().get()); };
    if (node->op().as<Placeholder>() || (read && own.contains(read->variable.id())) ||
        std::any_of(node->inputs().begin(), node->inputs().end(), differs))
      found.insert(node.get());
  }
  return found;
}
}  // namespace

Graph with_equal_updates(const Graph& g, const OwnStreams& own, const Replication& replication) {
  const auto differ = differing(g, own);
  const ReplicationScope scope(replication);
  Graph equal = g;
  for (Update& u : equal.updates) {
    if (own.contains(u.variable.id()) || !differ.contains(u.value.node().get())) continue;
    if (!is_floating(u.value.dtype()))
      throw Error(
          "variable '" + u.variable.path() + "'",
          "would differ between replicas: its new value depends on a replica's own samples or random numbers, and "
          "a mean is not defined for " +
              to_string(u.value.type()));
    u.value = all_reduce(u.value * replication.share(), true);
  }
  return equal;
}

Graph with_variables(const Graph& g, const std::function<Variable(const Variable&)>& other) {
  Graph replaced = rewrite(g, [&](const NodePtr& node, const Values&) -> std::optional<Values> {
    const auto* read = node->op().as<ReadVariable>();
    if (read == nullptr) return std::nullopt;
    return Values{Node::make_like(*node, ReadVariable{other(read->variable), read->pending}, {})->output()};
  });
  for (Update& u : replaced.updates) u.variable = other(u.variable);
  return replaced;
}

}  // namespace strata::distribute
