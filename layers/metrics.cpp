#include "layers/metrics.h"

#include "core/ops/ops.h"
#include "layers/mean_metric.h"
#include "layers/metric_registration.h"

namespace strata {

namespace metrics {
Definition::~Definition() = default;

Variable Definition::add_state(const std::string& name, const Shape& shape, DType dtype) {
  variables_.emplace_back(name, zeros(shape, dtype), false);
  return variables_.back();
}

namespace {
Axes axes_between(int first, int last) {
  Axes axes;
  for (int a = first; a < last; ++a) axes.push_back(a);
  return axes;
}

class MeanDefinition : public Definition {
 public:
  MeanDefinition(std::string name, Measure measure) : name_(std::move(name)), measure_(std::move(measure)) {}

  Updates update(const Value& y_true, const Value& y_pred, const Value& sample_weight) override {
    if (measure_ == nullptr && y_pred) throw Error(who(name_), "expected values alone; received y_true and y_pred");
    const auto [values, weights] =
        by_sample(measure_ ? measure_(y_true, y_pred) : losses::PerSample{y_true}, sample_weight);
    const Shape& shape = values.shape();
    const Value samples = weights ? sum(weights) : constant(shape.rank() == 0 ? 1.0 : static_cast<double>(shape[0]));
    return {{total_, pending(total_) + sum(values)}, {count_, pending(count_) + samples}};
  }
  Value result() const override { return losses::divide_no_nan(total_, count_); }

 private:
  std::string name_;
  Measure measure_;
  Variable total_ = add_state("total"), count_ = add_state("count");
};

class RootMeanDefinition : public MeanDefinition {
 public:
  using MeanDefinition::MeanDefinition;
  Value result() const override { return sqrt(MeanDefinition::result()); }
};

class SumDefinition : public Definition {
 public:
  explicit SumDefinition(std::string name) : name_(std::move(name)) {}
  Updates update(const Value& values, const Value& y_pred, const Value& sample_weight) override {
    if (y_pred) throw Error(who(name_), "expected values alone; received y_true and y_pred");
    return {{total_, pending(total_) + sum(by_sample({values}, sample_weight, true).first)}};
  }
  Value result() const override { return total_; }

 private:
  std::string name_;
  Variable total_ = add_state("total");
};
}  // namespace

std::pair<Value, Value> by_sample(losses::PerSample measured, Value weights, bool sum_up) {
  const auto reduced = [sum_up](const Value& x, const Axes& axes) { return sum_up ? sum(x, axes) : mean(x, axes); };
  Value values = cast(measured.values, DType::f32);
  if (weights) {
    weights = cast(weights, DType::f32);
    if (measured.mask) {
      const auto [mask, weight] = losses::same_rank(cast(measured.mask, DType::f32), weights);
      weights = weight * mask;
    }
    std::tie(values, weights) = losses::same_rank(values, weights);
    const int value_rank = values.shape().rank(), weight_rank = weights.shape().rank();
    if (value_rank > weight_rank) values = reduced(values, axes_between(weight_rank, value_rank));
    weights = broadcast_to(weights, values.shape());
    values = values * weights;
    if (weight_rank > 1) weights = reduced(weights, axes_between(1, weight_rank));
  }
  if (values.shape().rank() > 1) values = reduced(values, axes_between(1, values.shape().rank()));
  return {values, weights};
}

Metric mean_metric(const char* class_name, const std::string& name, Direction direction, Measure measure,
                   Config config) {
  return Metric(class_name, name, std::move(config), direction,
                [name, m = std::move(measure)] { return std::make_shared<MeanDefinition>(name, m); });
}

Metric root_mean_metric(const char* class_name, const std::string& name, Direction direction, Measure measure) {
  return Metric(class_name, name, {}, direction,
                [name, m = std::move(measure)] { return std::make_shared<RootMeanDefinition>(name, m); });
}

Measure aligned(const std::string& name, PerSampleFunction f) {
  return [name, f = std::move(f)](const Value& y_true, const Value& y_pred) {
    const auto [y, p] = losses::same_rank(y_true, y_pred);
    losses::require_same_shape(who(name), y, p);
    return losses::PerSample{f(cast(y, p.dtype()), p)};
  };
}

Metric make_mean(const std::string& name, PerSampleFunction per_sample, Direction direction) {
  return mean_metric("<function>", name, direction,
                     [f = std::move(per_sample)](const Value& y_true, const Value& y_pred) {
                       const auto [y, p] = losses::same_rank(y_true, y_pred);
                       return losses::PerSample{f(cast(y, p.dtype()), p)};
                     });
}

Mean::Mean(const NameOptions& o)
    : Metric(mean_metric("Mean", or_default(o.name, "mean"), Direction::unknown, nullptr)) {}
Sum::Sum(const NameOptions& o)
    : Metric("Sum", or_default(o.name, "sum"), {}, Direction::unknown,
             [name = or_default(o.name, "sum")] { return std::make_shared<SumDefinition>(name); }) {}

namespace {
[[maybe_unused]] const bool registered = register_built_in<Mean, NameOptions>("Mean", no_arguments) &&
                                         register_built_in<Sum, NameOptions>("Sum", no_arguments);
}  // namespace

}  // namespace metrics

Metric::Metric(std::string class_name, std::string name, Config config, metrics::Direction direction, Factory factory)
    : class_name_(std::move(class_name)),
      name_(std::move(name)),
      config_(std::move(config)),
      direction_(direction),
      factory_(std::move(factory)),
      state_(factory_()) {}

Updates Metric::update(const Value& y_true, const Value& y_pred, const Value& sample_weight) const {
  // The mask that comes with the values (y_true where there is nothing else) weighs them.
  const Value& masked = y_pred ? y_pred : y_true;
  Value weight = sample_weight;
  if (Value mask = mask_of(masked)) {
    mask = cast(mask, DType::f32);
    if (weight) std::tie(mask, weight) = losses::same_rank(mask, cast(weight, DType::f32));
    weight = weight ? mask * weight : mask;
  }
  return state_->update(without_mask(y_true), y_pred ? without_mask(y_pred) : y_pred, weight);
}

void Metric::reset() const {
  for (const Variable& v : variables()) v.assign(zeros(v.shape(), v.dtype()));
}

Metric Metric::renamed(std::string name) const {
  Metric other = *this;
  other.name_ = std::move(name);
  return other;
}

Config Metric::config() const {
  Config c{{"name", name_}, {"dtype", "float32"}};
  for (const auto& [key, value] : config_.items()) c.set(key, value);
  return c;
}

}  // namespace strata
