#include <unordered_map>

#include "core/compile/graph.h"
#include "core/ops/ops.h"

namespace strata {

namespace {
/// Whether the value is a constant scalar or array of one element equal to `number`.
bool is_number(const Value& v, double number) {
  const auto* c = v.node()->op().as<Constant>();
  return c != nullptr && c->tensor.size() == 1 && c->tensor.at<double>(0) == number;
}

/// What the node equals without computing anything, if there is such a value.
Value shortcut(const Node& node, const Values& in) {
  const Op& op = node.op();
  const auto keeps = [&](const Value& v) { return v.type() == node.types()[0]; };
  if (op.as<WithEffects>() || op.as<WithMask>() || op.as<Identity>() || op.as<StopGradient>()) return in[0];
  if (const auto* cast_op = op.as<Cast>(); cast_op && in[0].dtype() == cast_op->to) return in[0];
  if (const auto* narrowing = op.as<Cast>()) {
    // To f32 and back again: no number changes.
    const auto* widening = in[0].node()->op().as<Cast>();
    if (widening && widening->to == DType::f32 && keeps(in[0].node()->input(0)) &&
        (narrowing->to == DType::bf16 || narrowing->to == DType::f16))
      return in[0].node()->input(0);
  }
  if (op.as<Reshape>() && keeps(in[0])) return in[0];
  if (op.as<Multiply>()) {
    if (is_number(in[0], 1) && keeps(in[1])) return in[1];
    if (is_number(in[1], 1) && keeps(in[0])) return in[0];
  }
  if (op.as<Add>()) {
    if (is_number(in[0], 0) && keeps(in[1])) return in[1];
    if (is_number(in[1], 0) && keeps(in[0])) return in[0];
  }
  if ((op.as<Divide>() && is_number(in[1], 1) && keeps(in[0])) || (op.as<Subtract>() && is_number(in[1], 0) && keeps(in[0])))
    return in[0];
  return {};
}

std::size_t hash_of(const Node& node, const Values& in) {
  std::size_t h = std::hash<std::string_view>{}(node.op().name());
  for (const Value& v : in)
    h = h * 1000003u + std::hash<const void*>{}(v.node().get()) + static_cast<std::size_t>(v.index());
  return h;
}

bool equal(const Node& a, const Node& b, const Values& b_inputs) {
  if (a.inputs().size() != b_inputs.size() || !a.op().equals(b.op())) return false;
  for (std::size_t i = 0; i < b_inputs.size(); ++i)
    if (!same(a.input(i), b_inputs[i])) return false;
  return true;
}

Values outputs_of(const NodePtr& node) {
  Values all;
  for (std::size_t i = 0; i < node->types().size(); ++i) all.push_back(node->output(static_cast<int>(i)));
  return all;
}
}  // namespace

Graph simplify(const Graph& g) {
  std::unordered_multimap<std::size_t, NodePtr> known;
  return rewrite(g, [&](const NodePtr& node, const Values& in) -> std::optional<Values> {
    if (const Value v = shortcut(*node, in)) return Values{v};
    const std::size_t h = hash_of(*node, in);
    for (auto [it, end] = known.equal_range(h); it != end; ++it)
      if (equal(*it->second, *node, in)) return outputs_of(it->second);
    bool changed = false;
    for (std::size_t i = 0; i < in.size(); ++i) changed = changed || !same(in[i], node->input(i));
    const NodePtr kept = changed ? Node::make_like(*node, node->op(), in) : node;
    known.emplace(h, kept);
    return outputs_of(kept);
  });
}

}  // namespace strata
