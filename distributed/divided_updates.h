#pragma once

#include "core/compile/graph.h"
#include "distributed/division.h"

namespace strata::distribute {

/// The step of one of several replicas that divide the updates among them: gradients are reduced so that each sum comes
/// to the replica that wants it (ReduceScatter), or to all where all want it; the replica updates its weights and their
/// state; then all get all of these weights (AllGather). Every replica makes the same exchanges. Internal.
Graph with_divided_updates(const Graph& step, const Division& division, int rank, int replicas);

}  // namespace strata::distribute
