#include "core/compile/graph.h"
#include "core/ops/ops.h"

namespace strata {

namespace {
/// A vector over the last axis of `shape`.
bool is_bias_of(const Value& v, const Shape& shape) {
  return shape.rank() > 1 && v.shape().elements() == shape.back() && v.shape().rank() >= 1 && v.shape().back() == shape.back();
}

bool used_once(const UseCounts& uses, const Value& v) {
  return uses.at(v.node().get())[static_cast<std::size_t>(v.index())] == 1;
}

/// `producer` with one more thing in its epilogue, if it can do that and nobody else looks at its result.
std::optional<Values> extended(const Value& producer, const Node& place, const Epilogue& added, const Values& more) {
  const std::optional<Op> op = producer.node()->op().with_epilogue(added);
  if (!op || producer.node()->types().size() != 1) return std::nullopt;
  Values inputs = producer.node()->inputs();
  inputs.insert(inputs.end(), more.begin(), more.end());
  // The place is the producer's: whatever uses the result comes after both.
  const Node& like = more.empty() || more[0].node()->order() < producer.node()->order() ? *producer.node() : place;
  return Values{Node::make_like(like, *op, inputs)->output()};
}
}  // namespace

Graph fuse_epilogues(const Graph& g) {
  const UseCounts uses = count_uses(g);
  return rewrite(g, [&](const NodePtr& node, const Values& in) -> std::optional<Values> {
    if (node->op().as<Add>() && in[0].dtype() == in[1].dtype()) {
      for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
        const Value product = in[side], bias = in[1 - side];
        if (product.type() != node->types()[0] || !is_bias_of(bias, product.shape()) || !used_once(uses, node->input(side)))
          continue;
        if (auto fused = extended(product, *node, {.bias = true, .relu = false}, {bias})) return fused;
      }
    }
    if (node->op().as<Relu>() && used_once(uses, node->input(0))) return extended(in[0], *node, {.bias = false, .relu = true}, {});
    return std::nullopt;
  });
}

}  // namespace strata
