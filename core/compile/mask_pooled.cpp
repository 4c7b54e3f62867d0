#include "core/compile/graph.h"
#include "core/ops/ops.h"

namespace strata {

// Both orders give the same bits. A position takes a window's gradient only where its x is the window's maximum y: the
// ReLU lets all that a position takes through, or nothing of it, whether it asks the position or the windows.
Graph mask_pooled(const Graph& graph) {
  const UseCounts uses = count_uses(graph);
  return rewrite(graph, [&](const NodePtr& node, const Values& in) -> std::optional<Values> {
    if (!node->op().as<ReluGradient>() || !used_once(uses, node->input(0))) return std::nullopt;
    const Value &unpooled = in[0], &x = in[1];
    const Node& pooling = *unpooled.node();
    if (!pooling.op().as<MaxPool2DGradient>() || !same(pooling.input(0), x)) return std::nullopt;
    const Value &y = pooling.input(1), &g = pooling.input(2);
    // Each takes the other's place in program order.
    const Value masked = Node::make_like(pooling, ReluGradient{}, {g, y})->output();
    return Values{Node::make_like(*node, pooling.op(), {x, y, masked})->output()};
  });
}

}  // namespace strata
