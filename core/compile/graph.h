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
/// Values that the rule gets for a node, too, behind its inputs. They must not depend on the node.
using MoreInputs = std::unordered_map<const Node*, Values>;
/// Applies the rule to every node, inputs first; nodes whose inputs changed are made again with the same op.
Graph rewrite(const Graph&, const RewriteRule&, const MoreInputs& more = {});

/// A step ready for the passes: the effects of layers joined to `updates`, one update for each variable, `pending` reads
/// resolved. Error for empty values and for an update of another type than its variable.
Graph lower(const Values& outputs, const Updates& updates);

// Passes, each in a file of its own.
/// Merges equal ops on equal inputs and drops what has no influence: identities, effects, factors of one, terms of zero.
Graph simplify(const Graph&);
/// A scale and a shift of a convolution's channels, such as a batch norm with given statistics, into its kernel and bias, where
/// the kernel is smaller than the image.
Graph fold_scales(const Graph&);
/// Casts from 16 bits before and to 16 bits behind a batch norm and its gradient into their sweeps: to and from bf16
/// and, on GPUs, f16, in which the processor has no sweeps.
Graph narrow_batch_norm(const Graph&, DeviceKind);
/// A sum with something else and a ReLU into the batch norm before them; without a sum, also their gradients: each saves
/// a sweep over memory.
Graph fuse_batch_norm(const Graph&);
/// Bias and ReLU into the product or convolution before them.
Graph fuse_epilogues(const Graph&);
/// Connected elementwise ops of one shape into tile programs.
Graph fuse_elementwise(const Graph&);

}  // namespace strata
