#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "core/compile/graph.h"
#include "core/ops/ops.h"

namespace strata {

namespace {
constexpr double no_ceiling = std::numeric_limits<double>::infinity();

bool is_number(const Value& v, double number) {
  const auto* c = v.node()->op().as<Constant>();
  return c != nullptr && c->tensor.size() == 1 && c->tensor.at<double>(0) == number;
}

/// Finds what batch norms may take over: a sum with something else, then a ReLU or, without a sum, a ReLU and its
/// ceiling
/// (`clip(relu(x), 0, 6)`).
class Search {
 public:
  explicit Search(const Graph& g) : uses_(count_uses(g)) {
    const std::vector<NodePtr> all = nodes(g);
    for (const NodePtr& node : all)
      for (const Value& v : node->inputs()) users_[v.node().get()].push_back(node.get());
    for (const NodePtr& node : all)
      if (node->op().as<Add>()) look_behind_sum(*node);
    for (const NodePtr& node : all)
      if (node->op().as<Relu>()) look_behind(*node);
  }

  /// What is added to the results of batch norms, for those that take the sum over.
  const MoreInputs& added() const { return added_; }
  /// The ceiling of the ReLU that this batch norm takes over, if it does.
  std::optional<double> ceiling_of(const Node* norm) const {
    const auto it = ceilings_.find(norm);
    return it == ceilings_.end() ? std::nullopt : std::optional(it->second);
  }
  /// The batch norm that takes over this sum, ReLU or clip; null when none does.
  const Node* taken_by(const Node* node) const {
    const auto it = taken_.find(node);
    return it == taken_.end() ? nullptr : it->second;
  }
  /// Whether this gradient of a batch norm takes over that of a clip, too.
  bool takes_clip(const Node* gradient) const { return takes_clip_.contains(gradient); }
  bool used_once(const Node* node) const { return uses_.at(node)[0] == 1; }

 private:
  void look_behind_sum(const Node& sum) {
    // Of two batch norms the later one takes it: the other's result is there by then.
    const std::size_t later = sum.input(1).node()->order() > sum.input(0).node()->order() ? 1 : 0;
    for (const std::size_t side : {later, 1 - later}) {
      const Value &x = sum.input(side), &more = sum.input(1 - side);
      const Node* norm = x.node().get();
      if (!is_plain_norm(x) || more.type() != x.type() || depends(more, norm)) continue;
      added_[norm] = {more};
      taken_[&sum] = norm;
      return;
    }
  }

  /// The result of a batch norm that has taken nothing over, if nobody else looks at it.
  bool is_plain_norm(const Value& v) const {
    const Node* node = v.node().get();
    const auto* norm = node->op().as<BatchNormTrain>();
    return norm != nullptr && !norm->relu && !norm->adds && v.index() == 0 && used_once(node) && !added_.contains(node);
  }

  /// Whether the value cannot be computed before `node`, by what batch norms have taken over so far.
  bool depends(const Value& v, const Node* node) const {
    std::unordered_set<const Node*> seen{v.node().get()};
    std::vector<const Node*> stack{v.node().get()};
    const auto push = [&](const Values& values) {
      for (const Value& next : values)
        if (seen.insert(next.node().get()).second) stack.push_back(next.node().get());
    };
    while (!stack.empty()) {
      const Node* next = stack.back();
      stack.pop_back();
      if (next == node) return true;
      push(next->inputs());
      if (const auto it = added_.find(next); it != added_.end()) push(it->second);
    }
    return false;
  }

  void look_behind(const Node& relu) {
    const Value& x = relu.input(0);
    const Node* before = x.node().get();
    const bool sum = before->op().as<Add>() && taken_by(before) != nullptr && used_once(before);
    if (!sum && !is_plain_norm(x)) return;
    const Node* norm = sum ? taken_by(before) : before;
    ceilings_[norm] = no_ceiling;
    taken_[&relu] = norm;
    if (sum) return;
    const Node* clip = user<Clip>(relu);
    if (clip == nullptr || clip->op().as<Clip>()->low != 0) return;
    const double high = clip->op().as<Clip>()->high;
    if (!used_once(&relu)) {
      const Node* gradient = gradient_through_clip(relu, *norm, high);
      if (gradient == nullptr) return;
      takes_clip_.insert(gradient);
    }
    ceilings_[norm] = high;
    taken_[clip] = norm;
  }

  /// The gradient of the batch norm, if all that looks at the ReLU is the clip and, on the way to this gradient,
  /// relu_gradient(where(relu >= 0 and relu <= high, g, 0), relu).
  const Node* gradient_through_clip(const Node& relu, const Node& norm, double high) const {
    const Node *above = user<GreaterEqual>(relu), *below = user<LessEqual>(relu), *outer = user<ReluGradient>(relu);
    if (uses_.at(&relu)[0] != 4 || above == nullptr || below == nullptr || outer == nullptr) return nullptr;
    if (!is_number(above->input(1), 0) || !is_number(below->input(1), high) || outer->input(1).node().get() != &relu)
      return nullptr;
    const Node *where = outer->input(0).node().get(), *gradient = user<BatchNormGradient>(*outer);
    if (!where->op().as<Where>() || gradient == nullptr || !is_number(where->input(2), 0)) return nullptr;
    const Node* both = where->input(0).node().get();
    const auto reads = [&](const Node* n) {
      return both->input(0).node().get() == n || both->input(1).node().get() == n;
    };
    if (!both->op().as<LogicalAnd>() || !reads(above) || !reads(below)) return nullptr;
    for (const Node* n : {above, below, both, where, outer})
      if (!used_once(n)) return nullptr;
    const Value& x = norm.input(0);
    const bool of_norm = gradient->input(0).node().get() == outer && same(gradient->input(1), x) &&
                         same(gradient->input(2), norm.input(1));
    return of_norm && where->input(1).type() == x.type() ? gradient : nullptr;
  }

  /// The first user of the node with this op.
  template <class Wanted>
  const Node* user(const Node& node) const {
    const auto all = users_.find(&node);
    if (all == users_.end()) return nullptr;
    const auto it = std::ranges::find_if(all->second, [](const Node* n) { return n->op().as<Wanted>() != nullptr; });
    return it == all->second.end() ? nullptr : *it;
  }

  UseCounts uses_;
  std::unordered_map<const Node*, std::vector<const Node*>> users_;
  MoreInputs added_;
  std::unordered_map<const Node*, double> ceilings_;
  std::unordered_map<const Node*, const Node*> taken_;
  std::unordered_set<const Node*> takes_clip_;
};

Values outputs_of(const NodePtr& node) {
  Values all;
  for (std::size_t i = 0; i < node->types().size(); ++i) all.push_back(node->output(static_cast<int>(i)));
  return all;
}

/// The batch norm with all that it takes over; nothing when that is nothing.
std::optional<Values> with_tail(const Node& node, const Values& in, const Search& search) {
  const auto ceiling = search.ceiling_of(&node);
  const bool adds = search.added().contains(&node);
  if (!ceiling && !adds) return std::nullopt;
  const double epsilon = node.op().as<BatchNormTrain>()->epsilon;
  return outputs_of(
      Node::make_like(node, BatchNormTrain{epsilon, ceiling.has_value(), ceiling.value_or(no_ceiling), adds}, in));
}

/// For the gradient of a batch norm that took its ReLU over: with the gradient of that ReLU, too, if nobody else needs
/// it.
std::optional<Values> with_relu_gradient(const Node& node, const Values& in, const Search& search) {
  const Value &g = in[0], &x = in[1];
  if (!g.node()->op().as<ReluGradient>() || !search.used_once(node.input(0).node().get())) return std::nullopt;
  const Value& y = g.node()->input(1);
  const Value outer = search.takes_clip(&node) ? g.node()->input(0).node()->input(1) : g.node()->input(0);
  const auto* norm = y.node()->op().as<BatchNormTrain>();
  if (norm == nullptr || !norm->relu || norm->adds || y.index() != 0 || outer.type() != x.type()) return std::nullopt;
  const Values& from = y.node()->inputs();  // x, gamma, beta
  if (!same(from[0], x) || !same(from[1], in[2])) return std::nullopt;
  const BatchNormGradient op{node.op().as<BatchNormGradient>()->epsilon, true, norm->ceiling};
  const NodePtr fused = Node::make_like(node, op, {outer, x, in[2], in[3], in[4], from[2]});
  return outputs_of(fused);
}
}  // namespace

Graph fuse_batch_norm(const Graph& g) {
  const Search search(g);
  const auto rule = [&](const NodePtr& node, const Values& in) -> std::optional<Values> {
    if (node->op().as<BatchNormTrain>()) return with_tail(*node, in, search);
    if (const Node* norm = search.taken_by(node.get())) {
      const bool first_is_norm = !node->op().as<Add>() || node->input(0).node().get() == norm;
      return Values{in[first_is_norm ? 0 : 1]};
    }
    if (node->op().as<BatchNormGradient>()) return with_relu_gradient(*node, in, search);
    return std::nullopt;
  };
  return rewrite(g, rule, search.added());
}

}  // namespace strata
