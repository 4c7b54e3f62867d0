#include "core/compile/group_updates.h"

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/compile/fused.h"
#include "core/graph/tile_source.h"

namespace strata {

namespace {
constexpr std::size_t most_parameter_bytes = 32764;  // of a kernel, from compute capability 7.0 on
constexpr std::size_t words_beside_pointers = 4;     // of a segment (tile_launch)

/// A graph in which sets of nodes count as one.
class Contraction {
 public:
  explicit Contraction(const Graph& g) : order_(nodes(g)) {
    users_.resize(order_.size());
    std::unordered_map<const Node*, std::size_t> index;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      index[order_[i].get()] = i;
      set_of_.push_back(i);
      members_.push_back({i});
      for (const Value& v : order_[i]->inputs()) users_[index.at(v.node().get())].push_back(i);
    }
  }

  const NodePtr& node(std::size_t i) const { return order_[i]; }
  std::size_t size() const { return order_.size(); }
  const std::vector<std::size_t>& members(std::size_t set) const { return members_[set]; }

  /// Whether the sets may become one: no path leads from either to the other.
  bool independent(std::size_t a, std::size_t b) const { return !reaches(a, b) && !reaches(b, a); }

  void merge(std::size_t into, std::size_t from) {
    for (std::size_t i : members_[from]) set_of_[i] = into;
    members_[into].insert(members_[into].end(), members_[from].begin(), members_[from].end());
    members_[from].clear();
  }

  /// All sets, each after what it reads.
  std::vector<std::size_t> sorted() const {
    std::vector<std::size_t> waiting(order_.size(), 0), all;
    for (const std::vector<std::size_t>& users : users_)
      for (std::size_t u : users) ++waiting[set_of_[u]];
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t s = 0; s < order_.size(); ++s)
      if (!members_[s].empty() && waiting[s] == 0) ready.push(s);
    while (!ready.empty()) {
      const std::size_t s = ready.top();
      ready.pop();
      all.push_back(s);
      for (std::size_t i : members_[s])
        for (std::size_t u : users_[i])
          if (--waiting[set_of_[u]] == 0) ready.push(set_of_[u]);
    }
    return all;
  }

 private:
  bool reaches(std::size_t from, std::size_t to) const {
    std::unordered_set<std::size_t> seen{from};
    std::vector<std::size_t> stack{from};
    while (!stack.empty()) {
      const std::size_t s = stack.back();
      stack.pop_back();
      if (s == to) return true;
      for (std::size_t i : members_[s])
        for (std::size_t u : users_[i])
          if (seen.insert(set_of_[u]).second) stack.push_back(set_of_[u]);
    }
    return false;
  }

  std::vector<NodePtr> order_;
  std::vector<std::vector<std::size_t>> users_, members_;
  std::vector<std::size_t> set_of_;
};

/// Merges what can be merged; returns the sets of several members.
std::vector<std::size_t> merge_updates(Contraction& graph, const Graph& g) {
  std::unordered_set<const Node*> updating;
  for (const Update& u : g.updates) updating.insert(u.value.node().get());
  std::map<std::string, std::vector<std::size_t>> sets_of_kernel;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = *graph.node(i);
    if (!updating.contains(&node)) continue;
    const std::vector<TileProgram> program = tile_programs_of(node);
    const auto source = program.empty() ? std::nullopt : tile_source(program[0], "kernel", 2);
    if (!source) continue;
    const std::size_t words = program[0].inputs.size() + program[0].outputs.size() + words_beside_pointers;
    const std::size_t most = most_parameter_bytes / (8 * words);
    std::vector<std::size_t>& sets = sets_of_kernel[source->text];
    const auto set = std::find_if(sets.begin(), sets.end(), [&](std::size_t s) {
      return graph.members(s).size() < most && graph.independent(s, i);
    });
    if (set == sets.end())
      sets.push_back(i);
    else
      graph.merge(*set, i);
  }
  std::vector<std::size_t> merged;
  for (const auto& [text, sets] : sets_of_kernel)
    for (std::size_t s : sets)
      if (graph.members(s).size() > 1) merged.push_back(s);
  std::sort(merged.begin(), merged.end());
  return merged;
}
}  // namespace

std::vector<std::vector<NodePtr>> groupable_updates(const Graph& g) {
  Contraction graph(g);
  std::vector<std::vector<NodePtr>> groups;
  for (std::size_t s : merge_updates(graph, g)) {
    groups.emplace_back();
    for (std::size_t i : graph.members(s)) groups.back().push_back(graph.node(i));
  }
  return groups;
}

Graph group_updates(const Graph& g) {
  Contraction graph(g);
  if (merge_updates(graph, g).empty()) return g;
  std::unordered_map<const Node*, Values> made;
  const auto renewed = [&](const Value& v) { return made.at(v.node().get())[static_cast<std::size_t>(v.index())]; };
  for (std::size_t s : graph.sorted()) {
    const std::vector<std::size_t>& members = graph.members(s);
    Values inputs;
    FusedGroup group;
    for (std::size_t i : members) {
      for (const Value& v : graph.node(i)->inputs()) inputs.push_back(renewed(v));
      if (members.size() > 1) group.programs.push_back(tile_programs_of(*graph.node(i)).at(0));
    }
    NodePtr node = graph.node(members.back());
    if (members.size() > 1)
      node = Node::make_like(*node, std::move(group), inputs);
    else if (!inputs.empty())
      node = Node::make_like(*node, node->op(), inputs);
    int output = 0;
    for (std::size_t i : members)
      for (std::size_t k = 0; k < graph.node(i)->types().size(); ++k)
        made[graph.node(i).get()].push_back(node->output(output++));
  }
  Graph out;
  for (const Value& v : g.outputs) out.outputs.push_back(renewed(v));
  for (const Update& u : g.updates) out.updates.push_back({u.variable, renewed(u.value)});
  return out;
}

}  // namespace strata
