#include "core/compile/schedule.h"

#include <algorithm>
#include <queue>
#include <set>
#include <tuple>
#include <unordered_set>

#include "core/compile/overlap.h"
#include "core/compile/scatter_gather.h"

namespace strata {

namespace {
class Scheduler {
 public:
  Scheduler(const Graph& g, const ScheduleRules& rules) : graph_(g), rules_(rules) {
    for (const NodePtr& node : nodes(g)) {
      if (is_leaf(*node)) continue;
      index_[node.get()] = all_.size();
      all_.push_back(node);
    }
    after_.resize(all_.size());
    waits_for_.resize(all_.size());
    ends_.resize(all_.size());
    for (std::size_t i = 0; i < all_.size(); ++i)
      for (const Value& v : all_[i]->inputs()) {
        if (const auto it = index_.find(v.node().get()); it != index_.end()) after_[it->second].insert(i);
        if (const void* variable = variable_behind(v)) readers_[variable].insert(i);
      }
    keep_order_of_exchanges();
    if (rules.overlap) find_what_waits();
    for (std::size_t u = 0; u < g.updates.size(); ++u) place_in_variable(static_cast<int>(u));
  }

  Schedule run() {
    std::vector<int> waiting(all_.size(), 0);
    for (const auto& users : after_)
      for (std::size_t i : users) ++waiting[i];
    using Key = std::tuple<std::size_t, bool, std::uint64_t, std::size_t>;
    std::priority_queue<Key, std::vector<Key>, std::greater<>> ready;
    std::size_t over = 0;  // exchanges that have been waited for, the first ones
    const auto push = [&](std::size_t i) {
      const Node* node = all_[i].get();
      if (rules_.places != nullptr)
        ready.emplace(0, false, rules_.places->at(node), i);
      else
        ready.emplace(waits_for_[i] > over ? waits_for_[i] : 0, !hurries(*node), node->order(), i);
    };
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (waiting[i] == 0) push(i);
    while (!ready.empty()) {
      const std::size_t i = std::get<3>(ready.top());
      ready.pop();
      over = std::max({over, waits_for_[i], ends_[i]});
      schedule_.order.push_back(all_[i]);
      for (std::size_t u : after_[i])
        if (--waiting[u] == 0) push(u);
    }
    return std::move(schedule_);
  }

 private:
  /// Replicas exchange in one order, although what they make of it may differ, and the rest of the order with the sizes
  /// of their batches: by how many exchanges come before on the longest way, then by where they stand in the program.
  /// What is gathered for the next step, of which each replica makes another part, comes last.
  void keep_order_of_exchanges() {
    std::vector<int> before(all_.size(), 0);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      for (const Value& v : all_[i]->inputs())
        if (const auto it = index_.find(v.node().get()); it != index_.end())
          before[i] = std::max(before[i], before[it->second] + (is_exchange(all_[it->second]->op()) ? 1 : 0));
      if (is_exchange(all_[i]->op())) exchanges_.push_back(i);
    }
    const auto place = [&](std::size_t i) {
      const Node& node = *all_[i];
      const bool gathers = node.op().as<AllGather>() != nullptr;
      return std::tuple(gathers, before[i], gathers ? 0 : node.order(), node.op().name(), node.input(0).type().bytes());
    };
    std::stable_sort(exchanges_.begin(), exchanges_.end(),
                     [&](std::size_t a, std::size_t b) { return place(a) < place(b); });
    for (std::size_t k = 1; k < exchanges_.size(); ++k) after_[exchanges_[k - 1]].insert(exchanges_[k]);
  }

  /// Exchanges end in their order: whoever waits for one has waited for all before it.
  void find_what_waits() {
    std::vector<std::size_t> made_by(all_.size(), 0);  // in whose memory the result is: the exchange's number
    for (std::size_t k = 0; k < exchanges_.size(); ++k) {
      const std::size_t i = exchanges_[k];
      (may_go_on(*all_[i]) ? made_by : ends_)[i] = k + 1;
    }
    for (std::size_t i = 0; i < all_.size(); ++i) {
      std::size_t needed = 0;
      for (const Value& v : all_[i]->inputs())
        if (const auto it = index_.find(v.node().get()); it != index_.end())
          needed = std::max(needed, made_by[it->second]);
      if (rules_.is_view(*all_[i]))
        made_by[i] = needed;
      else
        waits_for_[i] = needed;
    }
  }

  /// Nodes that update variables go first: their gradients are freed, and they have no users to hurry for. So do
  /// results that take no room, such as the learning rate of this step, for which all updates wait.
  bool hurries(const Node& node) const {
    constexpr std::size_t few_bytes = 64;
    std::size_t bytes = 0;
    for (const Type& t : node.types()) bytes += t.bytes();
    return bytes <= few_bytes || schedule_.in_place_updates.contains(&node);
  }

  /// The variable whose memory the value is, directly or through views; null when it has memory of its own.
  const void* variable_behind(const Value& v) const {
    const Node* node = v.node().get();
    while (!is_leaf(*node) && rules_.is_view(*node)) node = node->input(0).node().get();
    const auto* read = node->op().as<ReadVariable>();
    return read ? read->variable.id() : nullptr;
  }

  /// Whether `to` runs after `from` by what is known so far.
  bool reaches(std::size_t from, std::size_t to) const {
    std::unordered_set<std::size_t> seen{from};
    std::vector<std::size_t> stack{from};
    while (!stack.empty()) {
      const std::size_t i = stack.back();
      stack.pop_back();
      if (i == to) return true;
      for (std::size_t u : after_[i])
        if (seen.insert(u).second) stack.push_back(u);
    }
    return false;
  }

  void place_in_variable(int update) {
    const Update& u = graph_.updates[static_cast<std::size_t>(update)];
    const auto writer = index_.find(u.value.node().get());
    if (writer == index_.end()) return;
    const Node& node = *u.value.node();
    const bool is_output =
        std::any_of(graph_.outputs.begin(), graph_.outputs.end(), [&](const Value& v) { return same(v, u.value); });
    if (is_output) return;
    bool allowed = false;
    int reads = 0;  // a second one, through a view, would see half-written memory
    for (std::size_t i = 0; i < node.inputs().size(); ++i) {
      if (variable_behind(node.input(i)) != u.variable.id()) continue;
      ++reads;
      allowed = allowed ||
                (is_leaf(*node.input(i).node()) && rules_.may_overwrite(node, static_cast<int>(i), u.value.index()));
    }
    if (!allowed || reads > 1) return;
    std::vector<int>& slots = schedule_.in_place_updates[&node];
    slots.resize(node.types().size(), -1);
    if (slots[static_cast<std::size_t>(u.value.index())] != -1) return;  // one result into two variables
    const std::set<std::size_t>& readers = readers_[u.variable.id()];
    const bool cyclic = std::any_of(readers.begin(), readers.end(),
                                    [&](std::size_t r) { return r != writer->second && reaches(writer->second, r); });
    if (cyclic || variable_is_output(u.variable)) {
      if (std::all_of(slots.begin(), slots.end(), [](int s) { return s < 0; })) schedule_.in_place_updates.erase(&node);
      return;
    }
    for (std::size_t r : readers)
      if (r != writer->second) after_[r].insert(writer->second);
    slots[static_cast<std::size_t>(u.value.index())] = update;
  }

  /// Outputs and other updates that hand on the old value are copied at the end, so it must survive until then.
  bool variable_is_output(const Variable& variable) const {
    const auto hands_on = [&](const Value& v) { return variable_behind(v) == variable.id(); };
    return std::any_of(graph_.outputs.begin(), graph_.outputs.end(), hands_on) ||
           std::any_of(graph_.updates.begin(), graph_.updates.end(),
                       [&](const Update& u) { return hands_on(u.value); });
  }

  const Graph& graph_;
  const ScheduleRules& rules_;
  std::vector<NodePtr> all_;
  std::unordered_map<const Node*, std::size_t> index_;
  std::vector<std::set<std::size_t>> after_;
  std::vector<std::size_t> exchanges_;  // in their order, in which they have numbers from 1 on
  std::vector<std::size_t> waits_for_,
      ends_;  // of each node: up to which number exchanges are over before and after it
  std::unordered_map<const void*, std::set<std::size_t>> readers_;
  Schedule schedule_;
};
}  // namespace

Schedule make_schedule(const Graph& g, const ScheduleRules& rules) { return Scheduler(g, rules).run(); }

}  // namespace strata
