#include "layers/confusion_counts.h"

#include <algorithm>
#include <cmath>

#include "core/device/allocation_budget.h"
#include "core/ops/ops.h"
#include "layers/loss_functions.h"
#include "layers/metric_registration.h"

namespace strata::metrics {

Value Counts::true_positives() const { return sum(hit * positive, {1}); }
Value Counts::false_positives() const { return sum(hit * negative, {1}); }
Value Counts::false_negatives() const { return sum((1.0 - hit) * positive, {1}); }
Value Counts::true_negatives() const { return sum((1.0 - hit) * negative, {1}); }

namespace {
constexpr double minus_infinity = -1e10;  // Keras's, for predictions outside of the top k

Value only_class(const Value& x, std::int64_t id) {
  const int last = x.shape().rank() - 1;
  std::vector<std::int64_t> begin(static_cast<std::size_t>(last), 0), end(static_cast<std::size_t>(last), slice_end);
  begin.push_back(id);
  end.push_back(id + 1);
  return slice(x, begin, end);
}

/// Predictions outside of the k largest of the last axis get out of reach of any threshold.
Value only_top_k(const Value& x, std::int64_t k) {
  const Values largest = top_k(x, k);
  const Value kept = apply(TopKGradient{x.shape().back()}, ones_like(largest[0]), largest[1]);
  return where(kept > 0.0, x, minus_infinity);
}

/// Weights in the shape of the predictions; those of lower rank belong to the first axes.
Value spread(const std::string& where, const Value& weights, const Value& like) {
  Value w = losses::same_rank(like, cast(weights, DType::f32), false).second;
  while (w.shape().rank() < like.shape().rank()) w = expand_dims(w, -1);
  if (broadcast(w.shape(), like.shape(), where + " sample_weight") != like.shape())
    fail_expected(where, "sample_weight that broadcasts to " + to_keras_string(like.shape()),
                  to_keras_string(weights.shape()));
  return broadcast_to(w, like.shape());
}

Tensor row_of(const std::vector<double>& numbers) {
  return Tensor::from<float>({static_cast<std::int64_t>(numbers.size())},
                             std::vector<float>(numbers.begin(), numbers.end()));
}

bool evenly_spaced(const std::vector<double>& thresholds) {
  const double steps = static_cast<double>(thresholds.size()) - 1;
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    const double even = static_cast<double>(i) / steps;
    if (std::abs(thresholds[i] - even) > 1e-7 + 1e-5 * even) return false;
  }
  return thresholds.size() >= 3;
}

/// [thresholds, ...]: 1 where a prediction lies above the threshold.
Value hits(const Value& p, const std::vector<double>& thresholds) {
  const auto count = static_cast<std::int64_t>(thresholds.size());
  Shape column{count};
  while (column.rank() <= p.shape().rank()) column.push_back(1);
  if (!evenly_spaced(thresholds))
    return cast(expand_dims(p, 0) > constant(row_of(thresholds).with_shape(column)), DType::f32);
  // Keras finds the place between evenly spaced thresholds by a product, which rounds differently.
  Value last = ceil(clip(p, 0.0, 1.0) * static_cast<double>(count - 1)) - 1.0;
  if (thresholds.front() < 0) last = relu(last);
  return cast(expand_dims(last, 0) >= constant(arange(0, static_cast<double>(count)).with_shape(column)), DType::f32);
}

Counts count(const std::string& where, Value y, Value p, const Value& weights, const Selection& s) {
  std::tie(p, y) = losses::same_rank(cast(p, DType::f32), cast(y, DType::f32));
  losses::require_same_shape(where, y, p);
  if (s.top_k) p = only_top_k(p, *s.top_k);
  if (s.class_id) {
    const std::int64_t classes = p.shape().back();
    if (*s.class_id < 0 || *s.class_id >= classes)
      fail_expected(where, "class_id within the " + std::to_string(classes) + " classes", std::to_string(*s.class_id));
    y = only_class(y, *s.class_id);
    p = only_class(p, *s.class_id);
  }
  Value w = weights ? spread(where, weights, p) : Value();
  if (!s.label_weights.empty()) {
    if (p.shape().back() != static_cast<std::int64_t>(s.label_weights.size()))
      fail_expected(where,
                    "predictions of " + std::to_string(s.label_weights.size()) + " labels, one for each label weight",
                    to_keras_string(p.shape()));
    const Value shares = broadcast_to(constant(row_of(s.label_weights)), p.shape());
    w = w ? w * shares : shares;
  }
  const auto flat = [&](const Value& x) { return s.by_label ? x : reshape(x, {-1}); };
  const Value positive = cast(not_equal(flat(y), 0.0), DType::f32), negative = 1.0 - positive;
  const Value hit = hits(flat(p), s.thresholds);
  if (!w) return {hit, positive, negative};
  return {hit, positive * flat(w), negative * flat(w)};
}
}  // namespace

CountDefinition::CountDefinition(const std::string& name, Selection selection, std::vector<Kind> kinds,
                                 std::int64_t labels)
    : who_(who(name)), selection_(std::move(selection)), kinds_(std::move(kinds)) {
  if (!selection_.by_label || labels > 0) add_states(labels);
}

void CountDefinition::add_states(std::int64_t labels) {
  Shape shape{static_cast<std::int64_t>(selection_.thresholds.size())};
  if (selection_.by_label) shape.push_back(labels);
  for (const Kind& k : kinds_) add_state(k.name, shape);
}

Updates CountDefinition::update(const Value& y, const Value& p, const Value& weights) {
  if (selection_.by_label) {
    if (p.shape().rank() != 2) fail_expected(who_, "y_pred of shape (batch, labels)", to_keras_string(p.shape()));
    if (variables().empty()) add_states(p.shape()[1]);
    if (variables()[0].shape()[1] != p.shape()[1])
      fail_expected(who_, std::to_string(variables()[0].shape()[1]) + " labels", to_keras_string(p.shape()));
  }
  const Counts counts = count(who_, y, transformed(p), weights, selection_);
  Updates all;
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const Variable& state = variables()[i];
    all.push_back({state, pending(state) + (counts.*kinds_[i].count)()});
  }
  return all;
}

Value CountDefinition::counted(std::size_t kind) const {
  if (variables().empty())
    throw Error(who_, "has no result before the first update, which says how many labels there are");
  return variables()[kind];
}

Value CountDefinition::result() const { return over_thresholds(counted(0)); }

std::vector<double> even_thresholds(std::int64_t count) {
  AllocationBudget::take_table(count, sizeof(double));
  std::vector<double> all;
  for (std::int64_t i = 0; i < count; ++i) all.push_back(static_cast<double>(i) / static_cast<double>(count - 1));
  return all;
}

std::vector<double> checked_thresholds(const char* where, const std::vector<double>& given, double fallback) {
  for (const double t : given)
    if (!(t >= 0 && t <= 1)) throw Error(where, "Threshold values must be in [0, 1]. Received: " + std::to_string(t));
  return given.empty() ? std::vector<double>{fallback} : given;
}

Value over_thresholds(const Value& v) { return v.shape().elements() == 1 ? reshape(v, Shape{}) : v; }

}  // namespace strata::metrics
