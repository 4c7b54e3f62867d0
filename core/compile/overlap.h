#pragma once

#include <functional>
#include <unordered_set>
#include <vector>

#include "core/graph/node.h"

namespace strata {

/// Whether it is an exchange beside which the step may go on: that of a bucket (SideBySide), on which only updates
/// wait.
bool may_go_on(const Node&);

/// Of these exchanges those that are worth it: enough work comes between them and the first node that needs their
/// result, or is an exchange and not among them. For nodes in the order in which they run, without leaves.
std::unordered_set<const Node*> exchanges_that_go_on(const std::vector<NodePtr>& order,
                                                     const std::function<bool(const Node&)>& is_view);

}  // namespace strata
