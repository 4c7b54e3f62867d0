#include "core/graph/gradients.h"

#include <algorithm>
#include <cstdint>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "core/graph/apply.h"
#include "core/graph/context.h"

namespace strata {

namespace {
/// Program order keeps forward before backward, so that memory is freed early. Rewriting may have given a node an input
/// that was made later, so numbers only choose among nodes whose inputs are done.
std::vector<NodePtr> in_program_order(const std::vector<NodePtr>& nodes) {
  std::unordered_map<const Node*, std::size_t> index;
  for (std::size_t i = 0; i < nodes.size(); ++i) index[nodes[i].get()] = i;
  std::vector<std::vector<std::size_t>> users(nodes.size());
  std::vector<std::size_t> waiting(nodes.size());
  using Key = std::pair<std::uint64_t, std::size_t>;
  std::priority_queue<Key, std::vector<Key>, std::greater<>> ready;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    waiting[i] = nodes[i]->inputs().size();
    for (const Value& v : nodes[i]->inputs()) users[index.at(v.node().get())].push_back(i);
    if (waiting[i] == 0) ready.emplace(nodes[i]->order(), i);
  }
  std::vector<NodePtr> order;
  order.reserve(nodes.size());
  while (!ready.empty()) {
    const std::size_t next = ready.top().second;
    ready.pop();
    order.push_back(nodes[next]);
    for (std::size_t u : users[next])
      if (--waiting[u] == 0) ready.emplace(nodes[u]->order(), u);
  }
  return order;
}
}  // namespace

std::vector<NodePtr> topological_order(const Values& values) {
  std::vector<NodePtr> order;
  std::unordered_set<const Node*> seen;
  std::vector<std::pair<NodePtr, std::size_t>> stack;  // a node and how many of its inputs were visited
  const auto visit = [&](const NodePtr& node) {
    if (node && seen.insert(node.get()).second) stack.emplace_back(node, 0);
  };
  for (const Value& v : values) {
    visit(v.node());
    while (!stack.empty()) {
      auto& [node, done] = stack.back();
      if (done < node->inputs().size()) {
        const NodePtr next = node->inputs()[done++].node();
        visit(next);
      } else {
        order.push_back(node);
        stack.pop_back();
      }
    }
  }
  return in_program_order(order);
}

namespace {
/// Nodes on a path from one of `wrt`.
std::unordered_set<const Node*> nodes_behind(const std::vector<NodePtr>& order, const Values& wrt) {
  std::unordered_set<const Node*> on_path;
  const auto reads_variable = [](const Node& a, const Node& b) {
    const auto* x = a.op().as<ReadVariable>();
    const auto* y = b.op().as<ReadVariable>();
    return x && y && *x == *y;
  };
  for (const NodePtr& node : order) {
    bool active = std::any_of(wrt.begin(), wrt.end(), [&](const Value& w) {
      return w && (w.node() == node || reads_variable(*w.node(), *node));
    });
    for (const Value& in : node->inputs()) active = active || on_path.contains(in.node().get());
    if (active) on_path.insert(node.get());
  }
  return on_path;
}

using GradientTable = std::unordered_map<const Node*, Values>;

void accumulate(GradientTable& table, const Value& target, const Value& g, const Node& from) {
  if (!g) return;
  if (g.type() != target.type())
    fail_expected(from.label() + " gradient", to_string(target.type()), to_string(g.type()));
  Values& slots = table[target.node().get()];
  slots.resize(target.node()->types().size());
  Value& slot = slots[static_cast<std::size_t>(target.index())];
  slot = slot ? apply(Accumulate{}, slot, g) : g;
}

void propagate(const NodePtr& node, const Values& g, GradientTable& table, const std::unordered_set<const Node*>& active) {
  Origin origin = node->origin();
  origin.gradient = true;
  const OriginScope scope(origin);
  const Values back = node->op().vjp(*node, g);
  if (back.empty()) return;
  if (back.size() != node->inputs().size())
    fail_expected(node->label() + " gradient", std::to_string(node->inputs().size()) + " gradients, one for each input",
                  std::to_string(back.size()));
  for (std::size_t i = 0; i < back.size(); ++i)
    if (active.contains(node->input(i).node().get())) accumulate(table, node->input(i), back[i], *node);
}
}  // namespace

Values gradients(const Values& outputs, const Values& output_gradients, const Values& wrt) {
  if (outputs.size() != output_gradients.size())
    fail_expected("gradients", std::to_string(outputs.size()) + " output gradients", std::to_string(output_gradients.size()));
  const std::vector<NodePtr> order = topological_order(outputs);
  const auto active = nodes_behind(order, wrt);
  GradientTable table;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i]) accumulate(table, outputs[i], output_gradients[i], *outputs[i].node());
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const auto found = table.find(it->get());
    if (found == table.end() || !active.contains(it->get()) || is_leaf(**it)) continue;
    const Values g = found->second;
    propagate(*it, g, table, active);
  }
  Values result;
  for (const Value& w : wrt) {
    Value total;
    const auto* variable = w.node()->op().as<ReadVariable>();
    for (const NodePtr& node : order) {  // a variable may have been read several times
      const auto* read = node->op().as<ReadVariable>();
      if (node != w.node() && !(variable && read && *variable == *read)) continue;
      const auto found = table.find(node.get());
      if (found == table.end()) continue;
      const std::size_t index = node == w.node() ? static_cast<std::size_t>(w.index()) : 0;
      const Value& g = found->second[index];
      if (g) total = total ? apply(Accumulate{}, total, g) : g;
    }
    result.push_back(total);
  }
  return result;
}

Values gradients(const Value& loss, const Values& wrt) {
  if (loss.shape().rank() != 0) fail_expected("gradients", "a scalar loss", to_string(loss.type()));
  return gradients({loss}, {constant(1.0, loss.dtype())}, wrt);
}

}  // namespace strata
