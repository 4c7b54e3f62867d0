#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "core/graph/context.h"
#include "core/graph/gradients.h"

namespace strata {

/// What is to be computed: outputs, and new values of variables. Passes map a Graph to a Graph.
struct Graph {
  Values outputs;
  Updates updates;
};

/// Everything the graph must produce: outputs, then update values.
Values roots(const Graph&);
/// Nodes in program order, inputs first.
std::vector<NodePtr> nodes(const Graph&);
/// How many inputs of nodes, outputs and updates use each output of each node.
using UseCounts = std::unordered_map<const Node*, std::vector<int>>;
UseCounts count_uses(const Graph&);

/// For one node of the old graph and its inputs in the new one: its outputs in the new graph, or nothing to keep it.
using RewriteRule = std::function<std::optional<Values>(const NodePtr& node, const Values& new_inputs)>;
/// Applies the rule to every node, inputs first; nodes whose inputs changed are made again with the same op.
Graph rewrite(const Graph&, const RewriteRule&);

/// A step ready for the passes: the effects of layers joined to `updates`, one update for each variable, `pending` reads
/// resolved. Error for empty values and for an update of another type than its variable.
Graph lower(const Values& outputs, const Updates& updates);

// Passes, each in a file of its own.
/// Merges equal ops on equal inputs and drops what has no influence: identities, effects, factors of one, terms of zero.
Graph simplify(const Graph&);
/// Bias and ReLU into the product or convolution before them.
Graph fuse_epilogues(const Graph&);
/// Connected elementwise ops of one shape into tile programs.
Graph fuse_elementwise(const Graph&);

}  // namespace strata
