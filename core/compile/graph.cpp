#include "core/compile/graph.h"

#include <algorithm>

namespace strata {

Values roots(const Graph& g) {
  Values all = g.outputs;
  for (const Update& u : g.updates) all.push_back(u.value);
  return all;
}

std::vector<NodePtr> nodes(const Graph& g) { return topological_order(roots(g)); }

UseCounts count_uses(const Graph& g) {
  UseCounts uses;
  const auto use = [&](const Value& v) {
    std::vector<int>& counts = uses[v.node().get()];
    counts.resize(v.node()->types().size());
    ++counts[static_cast<std::size_t>(v.index())];
  };
  for (const NodePtr& node : nodes(g))
    for (const Value& v : node->inputs()) use(v);
  for (const Value& v : roots(g)) use(v);
  return uses;
}

Graph rewrite(const Graph& g, const RewriteRule& rule, const MoreInputs& more) {
  std::unordered_map<const Node*, Values> made;
  const auto renewed = [&](const Value& v) { return made.at(v.node().get())[static_cast<std::size_t>(v.index())]; };
  const auto make = [&](const NodePtr& node, const Values& needed) {
    Values inputs;
    for (const Value& v : needed) inputs.push_back(renewed(v));
    if (auto replaced = rule(node, inputs)) {
      made[node.get()] = std::move(*replaced);
      return;
    }
    inputs.resize(node->inputs().size());
    const bool changed = !std::equal(inputs.begin(), inputs.end(), node->inputs().begin(),
                                     [](const Value& a, const Value& b) { return same(a, b); });
    const NodePtr kept = changed ? Node::make_like(*node, node->op(), inputs) : node;
    Values& outputs = made[node.get()];
    for (std::size_t i = 0; i < kept->types().size(); ++i) outputs.push_back(kept->output(static_cast<int>(i)));
  };
  for (const NodePtr& node : nodes(g)) {
    std::vector<NodePtr> waiting{node};  // others only where a node needs more than its inputs, which were there before
    while (!waiting.empty()) {
      const NodePtr next = waiting.back();
      Values needed = next->inputs();
      if (const auto it = more.find(next.get()); it != more.end())
        needed.insert(needed.end(), it->second.begin(), it->second.end());
      const std::size_t before = waiting.size();
      for (const Value& v : needed)
        if (!made.contains(v.node().get())) waiting.push_back(v.node());
      if (waiting.size() > before) continue;
      waiting.pop_back();
      if (!made.contains(next.get())) make(next, needed);
    }
  }
  Graph out;
  for (const Value& v : g.outputs) out.outputs.push_back(renewed(v));
  for (const Update& u : g.updates) out.updates.push_back({u.variable, renewed(u.value)});
  return out;
}

namespace {
void check_roots(const Values& outputs, const Updates& updates) {
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (!outputs[i]) throw Error("function", "output " + std::to_string(i) + " is an empty value");
  for (const Update& u : updates) {
    const std::string where = "update of '" + u.variable.path() + "'";
    if (!u.value) throw Error(where, "is an empty value");
    if (u.value.type() != u.variable.value().type())
      fail_expected(where, to_string(u.variable.value().type()), to_string(u.value.type()));
  }
}
}  // namespace

Graph lower(const Values& outputs, const Updates& updates) {
  check_roots(outputs, updates);
  Values all = outputs;
  for (const Update& u : updates) all.push_back(u.value);
  Updates in_order = collect_effects(all).updates;
  in_order.insert(in_order.end(), updates.begin(), updates.end());

  Graph lowered;
  lowered.outputs = outputs;
  for (const Update& u : in_order) {
    // Reads of pending values become the value of the latest update before this one, or the variable itself.
    const auto resolve = [&](const NodePtr& node, const Values&) -> std::optional<Values> {
      const auto* read = node->op().as<ReadVariable>();
      if (!read || !read->pending) return std::nullopt;
      for (auto it = lowered.updates.rbegin(); it != lowered.updates.rend(); ++it)
        if (it->variable == read->variable) return Values{it->value};
      return Values{Node::make_like(*node, ReadVariable{read->variable}, {})->output()};
    };
    const Value value = rewrite({{u.value}, {}}, resolve).outputs[0];
    const auto earlier = std::find_if(lowered.updates.begin(), lowered.updates.end(),
                                      [&](const Update& e) { return e.variable == u.variable; });
    if (earlier == lowered.updates.end())
      lowered.updates.push_back({u.variable, value});
    else
      earlier->value = value;
  }
  return lowered;
}

}  // namespace strata
