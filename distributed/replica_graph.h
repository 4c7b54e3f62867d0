#pragma once

#include <functional>
#include <unordered_set>

#include "core/compile/graph.h"
#include "core/graph/replication.h"

/// What a lowered step becomes for one of several replicas. Internal.
namespace strata::distribute {

/// States of random streams, of which every replica has its own, by Variable::id().
using OwnStreams = std::unordered_set<const void*>;

/// Updates whose values would differ between replicas, since they depend on its samples or on its random numbers, such
/// as a moving mean: each replica gets the mean of the replicas' values, weighted by their samples. Own streams stay as
/// they are. Error for a variable of integers.
Graph with_equal_updates(const Graph&, const OwnStreams&, const Replication&);

/// The graph with other variables in the place of its own.
Graph with_variables(const Graph&, const std::function<Variable(const Variable&)>&);

}  // namespace strata::distribute
