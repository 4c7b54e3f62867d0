#pragma once

#include <vector>

#include "core/compile/graph.h"

namespace strata {

/// Nodes of a fused graph that compute new values of variables by the same kernel (core/graph/tile_source.h) and of
/// which none depends on another, not even when all groups have become one node each: an optimizer's updates, mostly.
/// Each group has at least two members, in program order, and fits one launch.
std::vector<std::vector<NodePtr>> groupable_updates(const Graph&);

/// Makes a FusedGroup of each of those groups. For devices on which a launch costs more than keeping every gradient
/// until the last one is there: not for the processor.
Graph group_updates(const Graph&);

}  // namespace strata
