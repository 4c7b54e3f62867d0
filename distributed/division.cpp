#include "distributed/division.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace strata::distribute {

namespace {
using Ids = std::unordered_set<const void*>;

Ids ids_of(const Variables& variables) {
  Ids ids;
  for (const Variable& v : variables) ids.insert(v.id());
  return ids;
}

/// Of each update the variables among `candidates` that its value depends on.
std::vector<Ids> reads_of_updates(const Graph& g, const Ids& candidates) {
  std::unordered_set<const Node*> reading;
  for (const NodePtr& node : nodes(g)) {
    const auto* read = node->op().as<ReadVariable>();
    const auto reads = [&](const Value& v) { return reading.contains(v.node().get()); };
    if ((read != nullptr && candidates.contains(read->variable.id())) ||
        std::any_of(node->inputs().begin(), node->inputs().end(), reads))
      reading.insert(node.get());
  }
  std::vector<Ids> all;
  for (const Update& u : g.updates) {
    Ids& found = all.emplace_back();
    std::unordered_set<const Node*> seen;
    std::vector<const Node*> stack{u.value.node().get()};
    while (!stack.empty()) {
      const Node* node = stack.back();
      stack.pop_back();
      if (!reading.contains(node) || !seen.insert(node).second) continue;
      if (const auto* read = node->op().as<ReadVariable>()) found.insert(read->variable.id());
      for (const Value& v : node->inputs()) stack.push_back(v.node().get());
    }
  }
  return all;
}

/// Variables of the optimizer in families: those that read each other.
class Families {
 public:
  Families(const Graph& g, const Replicas::Trained& trained)
      : weights_(ids_of(trained.weights)), optimizer_(ids_of(trained.optimizer)) {
    const std::vector<Ids> reads = reads_of_updates(g, optimizer_);
    for (std::size_t u = 0; u < reads.size(); ++u)
      if (const void* id = g.updates[u].variable.id(); weights_.contains(id))
        for (const void* read : reads[u]) readers_[read].insert(id);
    for (std::size_t u = 0; u < reads.size(); ++u)
      if (const void* id = g.updates[u].variable.id(); !weights_.contains(id))
        for (const void* read : reads[u]) join(id, read);
    for (const Variable& v : trained.optimizer)
      if (!is_common(v.id())) weights_of_[root(v.id())].merge(Ids(readers_[v.id()]));
  }

  /// The weight for which alone the optimizer keeps the variable; null when it does not.
  const void* weight_of(const Variable& v) {
    if (!optimizer_.contains(v.id()) || is_common(v.id()) || open_.contains(root(v.id()))) return nullptr;
    const Ids& weights = weights_of_[root(v.id())];
    return weights.size() == 1 ? *weights.begin() : nullptr;
  }

 private:
  /// Read by the updates of several weights, such as a learning rate: it belongs to no family.
  bool is_common(const void* id) { return readers_[id].size() > 1; }

  /// The update of variable `reader` reads `read`.
  void join(const void* reader, const void* read) {
    if (is_common(read)) return;
    if (optimizer_.contains(reader) && !is_common(reader)) {
      const void *from = root(reader), *to = root(read);
      parents_[from] = to;
      if (open_.contains(from)) open_.insert(to);
    } else {
      open_.insert(root(read));
    }
  }

  const void* root(const void* id) {
    while (parents_.try_emplace(id, id).first->second != id) id = parents_.at(id);
    return id;
  }

  const Ids weights_, optimizer_;
  std::unordered_map<const void*, Ids> readers_;  // of a variable: the weights whose updates read it
  std::unordered_map<const void*, const void*> parents_;
  std::unordered_map<const void*, Ids> weights_of_;  // of a family, by its root
  Ids open_;                                         // roots of families that somebody else reads, too
};
}  // namespace

Division divide(const Graph& g, const Replicas::Trained& trained, int replicas) {
  Families families(g, trained);
  std::unordered_map<const void*, std::size_t> bytes;  // of a weight's state
  for (const Update& u : g.updates)
    if (const void* weight = families.weight_of(u.variable)) bytes[weight] += u.variable.value().bytes();
  std::vector<std::pair<std::size_t, const void*>> by_size;
  for (const Update& u : g.updates)
    if (const auto found = bytes.find(u.variable.id()); found != bytes.end())
      by_size.emplace_back(found->second, found->first);
  std::stable_sort(by_size.begin(), by_size.end(), [](const auto& a, const auto& b) { return a.first > b.first; });

  Division division;
  std::vector<std::size_t> load(static_cast<std::size_t>(replicas), 0);
  for (const auto& [size, weight] : by_size) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += size;
    division.weights[weight] = static_cast<int>(least - load.begin());
  }
  for (const Update& u : g.updates)
    if (const void* weight = families.weight_of(u.variable))
      division.state[u.variable.id()] = division.weights.at(weight);
  return division;
}

}  // namespace strata::distribute
