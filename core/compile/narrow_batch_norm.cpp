#include <unordered_map>
#include <unordered_set>

#include "core/compile/graph.h"
#include "core/ops/ops.h"

namespace strata {

namespace {
/// The array of this type that `v` is the f32 form of; empty when it is none.
Value narrow_form(const Value& v, DType narrow) {
  const Node& node = *v.node();
  return node.op().as<Cast>() && v.dtype() == DType::f32 && node.input(0).dtype() == narrow ? node.input(0) : Value();
}

/// The nodes whose first output is looked at by casts to this type only.
std::unordered_set<const Node*> leaving_as(DType narrow, const Graph& g) {
  const UseCounts uses = count_uses(g);
  std::unordered_map<const Node*, int> casts;
  for (const NodePtr& node : nodes(g)) {
    const auto* cast = node->op().as<Cast>();
    if (cast != nullptr && cast->to == narrow && node->input(0).index() == 0) ++casts[node->input(0).node().get()];
  }
  std::unordered_set<const Node*> found;
  for (const auto& [node, count] : casts)
    if (uses.at(node)[0] == count) found.insert(node);
  return found;
}

/// The inputs with the first `images` of them in this type; none when one of these never had it.
std::optional<Values> narrowed(Values in, std::size_t images, DType narrow) {
  for (std::size_t i = 0; i < images; ++i) {
    in[i] = narrow_form(in[i], narrow);
    if (!in[i]) return std::nullopt;
  }
  return in;
}

Graph narrowed_to(DType narrow, const Graph& g) {
  const auto leaving = leaving_as(narrow, g);
  return rewrite(g, [&](const NodePtr& node, const Values& in) -> std::optional<Values> {
    const Op& op = node->op();
    if (op.as<Cast>() && in[0].type() == node->types()[0]) return Values{in[0]};
    const std::size_t images = op.as<BatchNormTrain>() ? 1 : op.as<BatchNormGradient>() ? 2 : 0;
    if (images == 0 || !leaving.contains(node.get())) return std::nullopt;
    const auto inputs = narrowed(in, images, narrow);
    if (!inputs) return std::nullopt;
    const NodePtr made = Node::make_like(*node, op, *inputs);
    return Values{made->output(0), made->output(1), made->output(2)};
  });
}
}  // namespace

Graph narrow_batch_norm(const Graph& g, DeviceKind device) {
  const Graph narrow = narrowed_to(DType::bf16, g);
  return device == DeviceKind::gpu ? narrowed_to(DType::f16, narrow) : narrow;
}

}  // namespace strata
