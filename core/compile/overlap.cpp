#include "core/compile/overlap.h"

#include <algorithm>
#include <unordered_map>

#include "core/compile/bucket_reductions.h"
#include "core/compile/cost.h"
#include "core/compile/plan_builder.h"
#include "core/compile/scatter_gather.h"
#include "core/device/communicator.h"

namespace strata {

namespace {
/// Cost::time: some 25 microseconds of one core of a processor. To hand a call to another thread, and to wait for it,
/// takes as much.
constexpr double worth_a_thread = 1 << 18;
}  // namespace

bool may_go_on(const Node& node) {
  return is_exchange(node.op()) && node.input(0).node()->op().as<SideBySide>() != nullptr;
}

std::unordered_set<const Node*> exchanges_that_go_on(const std::vector<NodePtr>& order,
                                                     const std::function<bool(const Node&)>& is_view) {
  std::unordered_map<const Node*, const Node*> made_by;  // exchanges, also behind views
  std::unordered_map<const Node*, double> needed;        // exchanges: the time at which the result is
  std::unordered_map<const Node*, double> begun;
  double time = 0;
  for (const NodePtr& node : order) {
    for (const Value& v : node->inputs()) {
      const auto exchange = made_by.find(v.node().get());
      if (exchange == made_by.end()) continue;
      if (is_view(*node))
        made_by[node.get()] = exchange->second;
      else
        needed.try_emplace(exchange->second, time);
    }
    if (is_exchange(node->op())) begun[node.get()] = time;
    if (may_go_on(*node)) made_by[node.get()] = node.get();
    if (!is_view(*node) && !is_exchange(node->op())) time += estimated_cost(*node).time();
  }
  std::unordered_set<const Node*> found;
  double end = time;  // of the work before the next exchange that does not go on
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    const Node* exchange = node->get();
    if (!is_exchange(exchange->op())) continue;
    const auto first_need = needed.find(exchange);
    const double until = std::min(end, first_need == needed.end() ? time : first_need->second);
    if (may_go_on(*exchange) && until - begun.at(exchange) >= worth_a_thread)
      found.insert(exchange);
    else
      end = begun.at(exchange);
  }
  return found;
}

bool PlanBuilder::may_overlap() const {
  const PlanOptions& o = plan_->options_;
  if (!o.overlap || !o.communicator || o.check_numerics) return false;
  return plan_->on_gpu() ? o.gpu_communicator != nullptr : o.communicator->takes_turns();
}

bool PlanBuilder::reads(const std::vector<std::size_t>& in, const InFlight& exchange) const {
  const auto whole = [&](std::size_t b) { return buffers_[b].whole == none ? b : buffers_[b].whole; };
  return std::any_of(in.begin(), in.end(), [&](std::size_t x) {
    return std::any_of(exchange.out.begin(), exchange.out.end(), [&](std::size_t y) { return whole(x) == whole(y); });
  });
}

/// Until there nothing else may have the exchange's memory.
void PlanBuilder::push_wait(const InFlight& e) {
  for (const auto* buffers : {&e.in, &e.out})
    for (const std::size_t b : *buffers) keep_until_now(b);
  PlanStep& exchange = plan_->steps_[e.step];
  exchange.ends_at = plan_->steps_.size();
  PlanStep wait;
  wait.op = "wait";
  wait.layer = exchange.layer;
  wait.gradient = exchange.gradient;
  wait.device = exchange.device;
  wait.waits_for = e.step;
  step_buffers_.emplace_back();
  plan_->steps_.push_back(std::move(wait));
}

void PlanBuilder::end_exchanges() {
  for (const InFlight& e : in_flight_) push_wait(e);
  in_flight_.clear();
}

/// Before a step that reads these: ends the exchanges whose results are among them. They end in their order, so that
/// the ones before are over, too. Nobody but its readers can write a bucket's memory while it is kept.
void PlanBuilder::end_exchanges_for(const std::vector<std::size_t>& in) {
  const auto last =
      std::find_if(in_flight_.rbegin(), in_flight_.rend(), [&](const InFlight& e) { return reads(in, e); });
  std::for_each(in_flight_.begin(), last.base(), [&](const InFlight& e) { push_wait(e); });
  in_flight_.erase(in_flight_.begin(), last.base());
}

}  // namespace strata
