#pragma once

#include "core/graph/node.h"

namespace strata {

/// Nodes behind the values, inputs before users, in program order.
STRATA_API std::vector<NodePtr> topological_order(const Values&);

/// d loss / d wrt, one value for each of `wrt`, of its type; a default-made Value where the loss does not depend on it.
/// `loss` is a scalar. Only this function accumulates: where a value is used several times, its gradients are added.
STRATA_API Values gradients(const Value& loss, const Values& wrt);
/// The same for any outputs, with the gradients that come in from behind (one per output, of its type).
STRATA_API Values gradients(const Values& outputs, const Values& output_gradients, const Values& wrt);

}  // namespace strata
