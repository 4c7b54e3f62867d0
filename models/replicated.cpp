#include "models/replicated.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/parts.h"
#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"

namespace strata {

std::vector<Tensors> split(const Tensors& all, const distribute::Replicas& replicas) {
  const std::vector<Replication> shares = replicas.shares(all[0].shape()[0]);
  std::vector<Tensors> parts;
  for (const std::size_t r : replicas.here(shares.size())) {
    const std::int64_t at = begin_of_part(shares[r].all_samples, shares[r].replicas, static_cast<std::int64_t>(r));
    Tensors& part = parts.emplace_back();
    for (const Tensor& t : all) part.push_back(t.rows(at, at + shares[r].samples));
  }
  return parts;
}

void check_scope(const ModelDefinition& model, std::string_view doing) {
  const distribute::Strategy* scope = distribute::current_strategy();
  if (scope == nullptr || model.strategy() == *scope) return;
  throw Error(
      "model '" + model.name() + "'",
      "cannot be " + std::string(doing) + " in the scope of " + scope->describe() + ": it was made " +
          (model.strategy() ? "in that of " + model.strategy()->describe() : "outside of any strategy's scope") +
          ", so that this one has no replicas of it. Make the model within the scope");
}

Tensor joined(const Tensors& parts) {
  if (parts.size() == 1) return parts[0];
  Shape shape = parts[0].shape();
  shape[0] = 0;
  for (const Tensor& t : parts) shape[0] += t.shape()[0];
  Tensor all(parts[0].dtype(), shape, Device{});
  std::byte* to = all.mutable_raw();
  for (const Tensor& t : parts) {
    copy_memory(to, Device{}, t.raw(), t.device(), t.bytes());
    to += t.bytes();
  }
  return all;
}

Variables random_states(const layers::Base& layer) {
  Variables all = layer.own_state();
  for (const Layer& inner : layer.sublayers()) {
    const Variables more = random_states(inner.base());
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

Updates over_replicas(const Metric& metric, Updates updates) {
  if (current_replication().replicas == 1) return updates;
  const auto is_state = [&](const Node& node) {
    const auto* read = node.op().as<ReadVariable>();
    return read != nullptr && std::ranges::count(metric.variables(), read->variable) > 0;
  };
  const auto depends_on_state = [&](const Value& v) {
    const auto behind = topological_order({v});
    return std::any_of(behind.begin(), behind.end(), [&](const NodePtr& node) { return is_state(*node); });
  };
  for (Update& u : updates) {
    const Node& sum = *u.value.node();
    const auto* old = sum.op().as<Add>() ? sum.input(0).node()->op().as<ReadVariable>() : nullptr;
    if (old == nullptr || !old->pending || !(old->variable == u.variable) || depends_on_state(sum.input(1)))
      throw Error(
          "metric '" + metric.name() + "'",
          "cannot be added up over replicas: expected pending(state) + something as the new value of its state '" +
              u.variable.name() + "'; received another value");
    u.value = sum.input(0) + all_reduce(sum.input(1), true);
  }
  return updates;
}

}  // namespace strata
