#include <algorithm>
#include <numeric>
#include <queue>
#include <unordered_set>

#include "core/compile/fused.h"
#include "core/compile/graph.h"

namespace strata {

namespace {
constexpr std::size_t most_instructions = 96;

/// Finds which elementwise nodes go together. A group may be one kernel when no path leaves it and comes back.
class Grouping {
 public:
  explicit Grouping(const Graph& g) : order_(nodes(g)) {
    for (std::size_t i = 0; i < order_.size(); ++i) index_[order_[i].get()] = i;
    users_.resize(order_.size());
    group_.resize(order_.size());
    std::iota(group_.begin(), group_.end(), std::size_t{0});
    first_ = last_ = group_;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      members_.push_back({i});
      for (const Value& v : order_[i]->inputs()) users_[index_.at(v.node().get())].push_back(i);
    }
    for (std::size_t i = 0; i < order_.size(); ++i) grow(i);
  }

  const std::vector<NodePtr>& order() const { return order_; }
  std::size_t group_of(const Node* node) const { return group_[index_.at(node)]; }
  const std::vector<std::size_t>& members(std::size_t group) const { return members_[group]; }

 private:
  bool eligible(std::size_t i) const {
    const Node& n = *order_[i];
    return n.op().is_elementwise() && n.types().size() == 1;
  }

  /// Joins node i with the groups of its producers where that is possible.
  void grow(std::size_t i) {
    if (!eligible(i)) return;
    for (const Value& v : order_[i]->inputs()) {
      const std::size_t p = index_.at(v.node().get());
      if (!eligible(p) || group_[p] == group_[i] || order_[p]->types()[0].shape != order_[i]->types()[0].shape) continue;
      if (can_merge(group_[p], group_[i])) merge(group_[p], group_[i]);
    }
  }

  bool can_merge(std::size_t a, std::size_t b) const {
    if (members_[a].size() + members_[b].size() > most_instructions) return false;
    const auto inside = [&](std::size_t i) { return group_[i] == a || group_[i] == b; };
    // Walk from the users outside, group by group; coming back inside would be a cycle. Nodes behind the last member
    // cannot come back.
    const std::size_t last = std::max(last_[a], last_[b]);
    std::unordered_set<std::size_t> seen;
    std::vector<std::size_t> stack;
    const auto leave = [&](std::size_t i) {
      for (std::size_t u : users_[i])
        if (!inside(u)) stack.push_back(group_[u]);
    };
    for (const std::size_t g : {a, b})
      for (std::size_t i : members_[g]) leave(i);
    while (!stack.empty()) {
      const std::size_t g = stack.back();
      stack.pop_back();
      if (!seen.insert(g).second || first_[g] > last) continue;
      for (std::size_t i : members_[g])
        for (std::size_t u : users_[i]) {
          if (inside(u)) return false;
          if (group_[u] != g) stack.push_back(group_[u]);
        }
    }
    return true;
  }

  void merge(std::size_t a, std::size_t b) {
    for (std::size_t i : members_[b]) group_[i] = a;
    members_[a].insert(members_[a].end(), members_[b].begin(), members_[b].end());
    members_[b].clear();
    std::sort(members_[a].begin(), members_[a].end());
    first_[a] = std::min(first_[a], first_[b]);
    last_[a] = std::max(last_[a], last_[b]);
  }

  std::vector<NodePtr> order_;
  std::unordered_map<const Node*, std::size_t> index_;
  std::vector<std::vector<std::size_t>> users_, members_;
  std::vector<std::size_t> group_;
  std::vector<std::size_t> first_, last_;  // smallest and largest position of each group's members
};

/// Rebuilds a graph with a Fused node in place of each group of several members.
class Builder {
 public:
  Builder(const Graph& g, const Grouping& grouping) : graph_(g), grouping_(grouping), uses_(count_uses(g)) {}

  Graph build() {
    Graph out;
    for (const Value& v : graph_.outputs) out.outputs.push_back(renewed(v));
    for (const Update& u : graph_.updates) out.updates.push_back({u.variable, renewed(u.value)});
    return out;
  }

 private:
  Value renewed(const Value& v) {
    if (!made_.contains(v.node().get())) make_with_inputs(grouping_.group_of(v.node().get()));
    return made_.at(v.node().get())[static_cast<std::size_t>(v.index())];
  }

  /// Makes a group after everything it reads. An explicit stack: graphs may be deep.
  void make_with_inputs(std::size_t group) {
    std::vector<std::size_t> stack{group};
    while (!stack.empty()) {
      const std::size_t top = stack.back();
      const std::size_t before = stack.size();
      for (std::size_t i : grouping_.members(top))
        for (const Value& v : grouping_.order()[i]->inputs()) {
          const std::size_t g = grouping_.group_of(v.node().get());
          if (g != top && !made_.contains(v.node().get())) stack.push_back(g);
        }
      if (stack.size() > before) continue;
      stack.pop_back();
      if (!made_.contains(grouping_.order()[grouping_.members(top)[0]].get())) make(top);
    }
  }

  void make(std::size_t group) {
    const auto& members = grouping_.members(group);
    if (members.size() > 1) return make_fused(members);
    const NodePtr& node = grouping_.order()[members[0]];
    Values inputs;
    for (const Value& v : node->inputs()) inputs.push_back(renewed(v));
    const NodePtr kept = inputs.empty() ? node : Node::make_like(*node, node->op(), inputs);
    for (std::size_t i = 0; i < kept->types().size(); ++i)
      made_[node.get()].push_back(kept->output(static_cast<int>(i)));
  }

  void make_fused(const std::vector<std::size_t>& members) {
    Fused fused;
    Values inputs;
    std::unordered_map<const Node*, int> instruction;
    fused.program.shape = grouping_.order()[members[0]]->types()[0].shape;
    for (std::size_t i : members) {
      const NodePtr& node = grouping_.order()[i];
      TileProgram::Instruction code{node->op(), {}};
      for (const Value& v : node->inputs()) {
        const auto inner = instruction.find(v.node().get());
        code.operands.push_back(inner != instruction.end() ? -1 - inner->second : input_number(inputs, renewed(v)));
      }
      instruction[node.get()] = static_cast<int>(fused.program.code.size());
      fused.program.code.push_back(std::move(code));
    }
    for (const Value& v : inputs) fused.program.inputs.push_back(v.type());
    for (auto& code : fused.program.code)  // inner results are numbered behind the inputs
      for (int& o : code.operands)
        if (o < 0) o = static_cast<int>(inputs.size()) + (-1 - o);
    finish(members, std::move(fused), inputs, instruction);
  }

  static int input_number(Values& inputs, const Value& v) {
    const auto it = std::find_if(inputs.begin(), inputs.end(), [&](const Value& i) { return same(i, v); });
    if (it != inputs.end()) return static_cast<int>(it - inputs.begin());
    inputs.push_back(v);
    return static_cast<int>(inputs.size()) - 1;
  }

  /// Results that somebody outside of the group uses leave the kernel.
  void finish(const std::vector<std::size_t>& members, Fused fused, const Values& inputs,
              const std::unordered_map<const Node*, int>& instruction) {
    std::unordered_map<const Node*, int> inner_uses;
    for (std::size_t i : members)
      for (const Value& v : grouping_.order()[i]->inputs())
        if (instruction.contains(v.node().get())) ++inner_uses[v.node().get()];
    std::vector<const Node*> leaving;
    for (std::size_t i : members) {
      const Node* node = grouping_.order()[i].get();
      if (uses_.at(node)[0] == inner_uses[node]) continue;
      fused.program.outputs.push_back(instruction.at(node));
      leaving.push_back(node);
    }
    const NodePtr& place = grouping_.order()[members.back()];
    const NodePtr node = Node::make_like(*place, std::move(fused), inputs);
    for (std::size_t i : members) made_[grouping_.order()[i].get()] = {Value()};
    for (std::size_t k = 0; k < leaving.size(); ++k) made_[leaving[k]] = {node->output(static_cast<int>(k))};
  }

  const Graph& graph_;
  const Grouping& grouping_;
  UseCounts uses_;
  std::unordered_map<const Node*, Values> made_;
};
}  // namespace

Graph fuse_elementwise(const Graph& g) {
  const Grouping grouping(g);
  return Builder(g, grouping).build();
}

}  // namespace strata
