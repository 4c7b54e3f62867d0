#include "layers/losses.h"

#include "core/graph/context.h"
#include "core/graph/replication.h"
#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"
#include "layers/loss_functions.h"

namespace strata {

namespace {
std::string who(const std::string& name) { return "loss '" + name + "'"; }

void check_reduction(const std::string& name, const std::string& reduction) {
  for (const char* known : {"sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight"})
    if (reduction == known) return;
  throw Error(who(name),
              "Invalid value for argument `reduction`. Expected one of \"sum_over_batch_size\", \"sum\", \"mean\", "
              "\"mean_with_sample_weight\", \"none\". Received: reduction=" +
                  reduction);
}

/// How many elements of this kind all replicas have.
double count_of(const Value& v) { return static_cast<double>(current_replication().everywhere(v.shape().elements())); }

/// Both masks as numbers of one type; empty if there is none.
Value joined_masks(const Value& a, const Value& b, DType dtype) {
  if (!a || !b) return a || b ? cast(a ? a : b, dtype) : Value();
  const auto [x, y] = losses::same_rank(cast(a, dtype), cast(b, dtype));
  return x * y;
}
}  // namespace

Loss::Loss(std::string class_name, std::string name, Config config, losses::Function function,
           const std::string& reduction)
    : class_name_(std::move(class_name)),
      name_(std::move(name)),
      reduction_(reduction),
      config_(std::move(config)),
      function_(std::move(function)) {
  check_reduction(name_, reduction_);
}

losses::PerSample Loss::evaluate(const Value& y_true, const Value& prediction) const {
  // 16 bits are too few for a sum over a batch.
  const bool narrow = prediction && (prediction.dtype() == DType::f16 || prediction.dtype() == DType::bf16);
  const Value y_pred = narrow ? cast(prediction, DType::f32) : prediction ? without_mask(prediction) : prediction;
  if (!y_true || !y_pred) throw Error(who(name_), "expected values for y_true and y_pred; received an empty one");
  if (!is_floating(y_pred.dtype())) fail_expected(who(name_), "y_pred of a floating type", to_string(y_pred.type()));
  const auto [y, p] = losses::same_rank(y_true, y_pred);
  return function_(y, p);
}

Value Loss::operator()(const Value& y_true, const Value& y_pred, const Value& sample_weight) const {
  const losses::PerSample each = evaluate(y_true, y_pred);
  Value values = each.values, weights = sample_weight ? cast(sample_weight, values.dtype()) : Value();
  if (Value mask = joined_masks(mask_of(y_pred), each.mask,
                                values.dtype())) {  // what does not count makes the rest count for more
    if (reduction_ == "sum_over_batch_size" || reduction_ == "mean")
      mask = mask * losses::divide_no_nan(constant(count_of(mask), mask.dtype()), all_reduce(sum(mask)));
    if (weights) std::tie(mask, weights) = losses::same_rank(mask, weights);
    weights = weights ? weights * mask : mask;
  }
  if (weights) {
    std::tie(values, weights) = losses::same_rank(values, weights);
    if (weights.shape().rank() > values.shape().rank() ||
        broadcast(values.shape(), weights.shape(), who(name_) + " sample_weight") != values.shape())
      fail_expected(who(name_), "sample_weight that broadcasts to the losses, " + to_keras_string(values.shape()),
                    to_keras_string(weights.shape()));
    values = values * weights;
  }
  if (reduction_ == "none") return values;
  if (values.shape().rank() == 0)  // one value for a replica's samples
    return current_replication().replicas == 1 ? values : values * current_replication().share();
  const Value total = sum(values);
  if (reduction_ == "sum") return total;
  if (reduction_ == "mean_with_sample_weight" && weights) return losses::divide_no_nan(total, all_reduce(sum(weights)));
  return total / count_of(values);
}

Config Loss::config() const {
  Config c{{"name", name_}, {"reduction", reduction_}};
  for (const auto& [key, value] : config_.items()) c.set(key, value);
  return c;
}

}  // namespace strata
