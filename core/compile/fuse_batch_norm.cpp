#include <unordered_set>

#include "core/compile/graph.h"
#include "core/ops/ops.h"

namespace strata {

namespace {
/// The batch norms whose output nobody but one ReLU looks at.
std::unordered_set<const Node*> norms_before_relu(const Graph& g, const UseCounts& uses) {
  std::unordered_set<const Node*> found;
  for (const NodePtr& node : nodes(g)) {
    if (!node->op().as<Relu>()) continue;
    const Value& x = node->input(0);
    const auto* norm = x.node()->op().as<BatchNormTrain>();
    if (norm != nullptr && !norm->relu && x.index() == 0 && uses.at(x.node().get())[0] == 1)
      found.insert(x.node().get());
  }
  return found;
}

/// For the gradient of a batch norm that took its ReLU over: with the gradient of that ReLU, too, if nobody else needs
/// it.
std::optional<Values> with_relu_gradient(const Node& node, const Values& in, const UseCounts& uses) {
  const Value &g = in[0], &x = in[1];
  if (!g.node()->op().as<ReluGradient>() || uses.at(node.input(0).node().get())[0] != 1) return std::nullopt;
  const Value &outer = g.node()->input(0), &y = g.node()->input(1);
  const auto* norm = y.node()->op().as<BatchNormTrain>();
  if (norm == nullptr || !norm->relu || y.index() != 0 || outer.type() != x.type()) return std::nullopt;
  const Values& from = y.node()->inputs();  // x, gamma, beta
  if (!same(from[0], x) || !same(from[1], in[2])) return std::nullopt;
  const BatchNormGradient op{node.op().as<BatchNormGradient>()->epsilon, true};
  const NodePtr fused = Node::make_like(node, op, {outer, x, in[2], in[3], in[4], from[2]});
  return Values{fused->output(0), fused->output(1), fused->output(2)};
}
}  // namespace

Graph fuse_batch_norm(const Graph& g) {
  const UseCounts uses = count_uses(g);
  const auto chosen = norms_before_relu(g, uses);
  return rewrite(g, [&](const NodePtr& node, const Values& in) -> std::optional<Values> {
    if (chosen.contains(node.get())) {
      const NodePtr fused = Node::make_like(*node, BatchNormTrain{node->op().as<BatchNormTrain>()->epsilon, true}, in);
      return Values{fused->output(0), fused->output(1), fused->output(2)};
    }
    if (node->op().as<Relu>() && node->input(0).index() == 0 && chosen.contains(node->input(0).node().get()))
      return Values{in[0]};
    if (node->op().as<BatchNormGradient>()) return with_relu_gradient(*node, in, uses);
    return std::nullopt;
  });
}

}  // namespace strata
