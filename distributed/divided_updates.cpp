#include "distributed/divided_updates.h"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "core/base/error.h"
#include "core/compile/bucket_reductions.h"
#include "core/compile/scatter_gather.h"
#include "core/ops/all_reduce.h"
#include "core/ops/fill.h"

namespace strata::distribute {

namespace {
constexpr std::size_t alignment = 64;  // of what kernels work on

/// Arrays of one element type in as many parts of one size as there are replicas, each in its owner's.
struct Layout {
  struct Member {
    Value value;  ///< empty where another replica has it
    int owner = 0;
    std::size_t bytes = 0, offset = 0;  ///< in its part
  };
  std::vector<Member> members;
  std::size_t part_bytes = 0;

  void place(int replicas) {
    std::vector<std::size_t> ends(static_cast<std::size_t>(replicas), 0);
    for (Member& m : members) {
      std::size_t& end = ends[static_cast<std::size_t>(m.owner)];
      m.offset = end;
      end += (m.bytes + alignment - 1) / alignment * alignment;
    }
    part_bytes = *std::max_element(ends.begin(), ends.end());
  }
  std::size_t place_of(const Member& m) const { return static_cast<std::size_t>(m.owner) * part_bytes + m.offset; }
  Type part(DType dtype, int parts = 1) const {
    return {dtype, {static_cast<std::int64_t>(part_bytes / size_of(dtype)) * parts}};
  }
};

class Divider {
 public:
  Divider(const Graph& g, const Division& division, int rank, int replicas)
      : graph_(g), division_(division), rank_(rank), replicas_(replicas) {
    find_who_wants_what();
    scatter_sums();
  }

  Graph divided() {
    Graph own{graph_.outputs, {}};
    for (const Update& u : graph_.updates)
      if (const int owner = owner_of(u.variable); owner == all_ || owner == rank_) own.updates.push_back(u);
    own = rewrite(own, [&](const NodePtr& node, const Values&) -> std::optional<Values> {
      const auto sum = scattered_.find(node.get());
      return sum == scattered_.end() ? std::nullopt : std::optional<Values>(Values{sum->second});
    });
    std::unordered_map<const void*, Value> new_weights;
    Graph result{own.outputs, {}};
    for (const Update& u : own.updates)
      if (division_.weights.contains(u.variable.id()))
        new_weights[u.variable.id()] = u.value;
      else
        result.updates.push_back(u);
    gather_weights(new_weights, result.updates);
    return result;
  }

 private:
  static constexpr int all_ = -1;

  int owner_of(const Variable& v) const {
    for (const auto* known : {&division_.weights, &division_.state})
      if (const auto found = known->find(v.id()); found != known->end()) return found->second;
    return all_;
  }

  static bool is_sum(const Node& node) {
    const auto* sum = node.op().as<AllReduce>();
    return sum != nullptr && sum->deferred;
  }

  /// The replicas whose updates depend on a node.
  void find_who_wants_what() {
    const std::vector<NodePtr> order = nodes(graph_);
    std::unordered_map<const Node*, std::unordered_set<int>> wanted;
    for (const Value& v : graph_.outputs) wanted[v.node().get()].insert(all_);
    for (const Update& u : graph_.updates) wanted[u.value.node().get()].insert(owner_of(u.variable));
    for (auto node = order.rbegin(); node != order.rend(); ++node) {
      const auto& own = wanted[node->get()];
      if (is_sum(**node)) {
        if (own.size() == 1 && !own.contains(all_)) sums_.emplace_back(*node, *own.begin());
        if (own.size() > 1 && !own.contains(all_)) wanted_by_some_.push_back((*node)->output());
      }
      for (const Value& v : (*node)->inputs()) wanted[v.node().get()].insert(own.begin(), own.end());
    }
    std::stable_sort(sums_.begin(), sums_.end(), [](const auto& a, const auto& b) {
      return a.first->input(0).node()->order() < b.first->input(0).node()->order();
    });
    std::unordered_set<const Node*> below;  // what depends on a sum that one replica wants
    for (const NodePtr& node : order) {
      const auto depends = [&](const Value& v) { return below.contains(v.node().get()); };
      const bool again = std::any_of(node->inputs().begin(), node->inputs().end(), depends);
      const bool divided = std::any_of(sums_.begin(), sums_.end(), [&](const auto& s) { return s.first == node; });
      if (again && is_exchange(node->op()))
        throw Error(
            "shard_optimizer_state",
            "expected updates that exchange nothing but gradients; received one that adds up over replicas what "
            "it makes of another sum (" +
                node->label() + ")");
      if (again || divided) below.insert(node.get());
    }
  }

  /// What keeps an exchange in the step of a replica that has no use for its result: no bytes of it.
  static Value nothing_of(const Value& v) {
    return Node::make_like(*v.node(), Part{0, Type{v.dtype(), {std::int64_t{0}}}}, {v})->output();
  }

  void scatter_sums() {
    for (const Value& v : wanted_by_some_) kept_.push_back(nothing_of(v));
    std::map<DType, std::vector<std::pair<NodePtr, int>>> by_type;
    for (const auto& sum : sums_) by_type[sum.first->types()[0].dtype].push_back(sum);
    bool first = true;
    for (const auto& [dtype, sums] : by_type) {
      std::vector<std::pair<NodePtr, int>> bucket;
      std::size_t bytes = 0;
      for (const auto& sum : sums) {
        const std::size_t more = sum.first->types()[0].bytes(),
                          full = first ? BucketSizes{}.first : BucketSizes{}.others;
        if (!bucket.empty() && bytes + more > full) {
          scatter(bucket, dtype);
          bucket.clear();
          bytes = 0;
          first = false;
        }
        bucket.push_back(sum);
        bytes += more;
      }
      scatter(bucket, dtype);
      first = false;
    }
  }

  void scatter(std::vector<std::pair<NodePtr, int>> sums, DType dtype) {
    const NodePtr last = sums.back().first->input(0).node();  // sorted by the place of the operands
    std::stable_sort(sums.begin(), sums.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    Layout layout;
    for (const auto& [sum, owner] : sums) layout.members.push_back({sum->input(0), owner, sum->types()[0].bytes()});
    layout.place(replicas_);
    SideBySide together{{}, layout.part(dtype, replicas_)};
    Values operands;
    for (const Layout::Member& m : layout.members) {
      together.offsets.push_back(layout.place_of(m));
      operands.push_back(m.value);
    }
    const Value whole = Node::make_like(*last, together, operands)->output();
    const Value part = Node::make_like(*last, ReduceScatter{replicas_}, {whole})->output();
    for (std::size_t i = 0; i < sums.size(); ++i)
      if (const NodePtr& sum = sums[i].first; sums[i].second == rank_)
        scattered_[sum.get()] =
            Node::make_like(*sum, Part{layout.members[i].offset, sum->types()[0]}, {part})->output();
    kept_.push_back(nothing_of(part));
  }

  /// New values of all divided weights, from those that this replica has made.
  void gather_weights(const std::unordered_map<const void*, Value>& made, Updates& updates) {
    std::map<DType, Variables> by_type;
    for (const Update& u : graph_.updates)
      if (division_.weights.contains(u.variable.id())) by_type[u.variable.dtype()].push_back(u.variable);
    for (const auto& [dtype, weights] : by_type) {
      Layout layout;
      for (const Variable& w : weights) {
        const auto own = made.find(w.id());
        layout.members.push_back(
            {own == made.end() ? Value() : own->second, division_.weights.at(w.id()), w.value().bytes()});
      }
      layout.place(replicas_);
      SideBySide together{{}, layout.part(dtype)};
      Values operands;
      const auto add = [&](const Value& v, std::size_t offset) {
        operands.push_back(v);
        together.offsets.push_back(offset);
      };
      for (const Layout::Member& m : layout.members)
        if (m.value) add(m.value, m.offset);
      if (operands.empty()) add(constant(zeros(layout.part(dtype).shape, dtype)), 0);
      for (const Value& v : kept_) add(v, layout.part_bytes);
      const NodePtr last = operands.back().node();
      const Value part = Node::make_like(*last, together, operands)->output();
      const Value all = Node::make_like(*last, AllGather{replicas_}, {part})->output();
      for (std::size_t i = 0; i < weights.size(); ++i)
        updates.push_back(
            {weights[i],
             Node::make_like(*last, Part{layout.place_of(layout.members[i]), weights[i].value().type()}, {all})
                 ->output()});
      kept_ = {nothing_of(all)};  // the next one comes after it, on every replica
    }
  }

  const Graph& graph_;
  const Division& division_;
  const int rank_, replicas_;
  std::vector<std::pair<NodePtr, int>> sums_;  // that one replica wants
  Values wanted_by_some_;
  std::unordered_map<const Node*, Value> scattered_;  // this replica's
  Values kept_;
};
}  // namespace

Graph with_divided_updates(const Graph& g, const Division& division, int rank, int replicas) {
  return Divider(g, division, rank, replicas).divided();
}

}  // namespace strata::distribute
