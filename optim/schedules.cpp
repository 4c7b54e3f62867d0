#include "optim/schedules.h"

#include <cmath>
#include <numbers>

#include "core/compile/function.h"
#include "core/graph/class_registry.h"
#include "core/ops/ops.h"

namespace strata::optimizers::schedules {

namespace {
void require_positive(const char* schedule, const char* argument, double value) {
  if (!(value > 0))
    throw Error(schedule, std::string("Argument `") + argument + "` must be > 0. Received: " + argument + "=" +
                              std::to_string(value));
}

/// From 1 to `alpha` while `fraction` goes from 0 to 1.
Value half_cosine(const Value& fraction, double alpha) {
  return (1.0 - alpha) * (0.5 * (1.0 + cos(std::numbers::pi * fraction))) + alpha;
}

/// Keras 2 stores null for a schedule that was given no name.
void name_field(ArgumentWriter& field, const std::string& name) { field("name", name); }
void name_field(ArgumentReader& field, std::string& name) {
  ConfigValue given = name;
  field("name", given);
  if (!given.is_null()) field("name", name);
}

constexpr auto decay_arguments = [](auto& field, auto& initial, auto& steps, auto& rate, auto& o) {
  field.required("initial_learning_rate", initial);
  field.required("decay_steps", steps);
  field.required("decay_rate", rate);
  field("staircase", o.staircase);
  name_field(field, o.name);
};
constexpr auto piecewise_arguments = [](auto& field, auto& boundaries, auto& values, auto& o) {
  field.required("boundaries", boundaries);
  field.required("values", values);
  name_field(field, o.name);
};
constexpr auto polynomial_arguments = [](auto& field, auto& initial, auto& steps, auto& o) {
  field.required("initial_learning_rate", initial);
  field.required("decay_steps", steps);
  field("end_learning_rate", o.end_learning_rate);
  field("power", o.power);
  field("cycle", o.cycle);
  name_field(field, o.name);
};
constexpr auto cosine_arguments = [](auto& field, auto& initial, auto& steps, auto& o) {
  field.required("initial_learning_rate", initial);
  field.required("decay_steps", steps);
  field("alpha", o.alpha);
  name_field(field, o.name);
  field("warmup_target", o.warmup_target);
  field("warmup_steps", o.warmup_steps);
};
constexpr auto restarts_arguments = [](auto& field, auto& initial, auto& steps, auto& o) {
  field.required("initial_learning_rate", initial);
  field.required("first_decay_steps", steps);
  field("t_mul", o.t_mul);
  field("m_mul", o.m_mul);
  field("alpha", o.alpha);
  name_field(field, o.name);
};

/// A schedule from the arguments of its constructor.
template <class S, class... A>
SchedulePtr make_schedule(A... arguments) {
  return std::make_shared<const S>(std::move(arguments)...);
}

ClassRegistry<SchedulePtr>& registry() {
  const auto entry = [](const char* name, auto factory, auto arguments) {
    return ClassRegistry<SchedulePtr>::Entry{
        .class_name = name, .make = from_arguments<SchedulePtr>(std::string("schedule ") + name, factory, arguments)};
  };
  using Numbers = std::vector<double>;
  static ClassRegistry<SchedulePtr> all(
      "schedule", "register_schedule(\"Name\", ...)", "keras.optimizers.schedules",
      {entry("ExponentialDecay", make_schedule<ExponentialDecay, double, double, double, ExponentialDecayOptions>,
             decay_arguments),
       entry("PiecewiseConstantDecay",
             make_schedule<PiecewiseConstantDecay, Numbers, Numbers, PiecewiseConstantDecayOptions>,
             piecewise_arguments),
       entry("PolynomialDecay", make_schedule<PolynomialDecay, double, double, PolynomialDecayOptions>,
             polynomial_arguments),
       entry("InverseTimeDecay", make_schedule<InverseTimeDecay, double, double, double, InverseTimeDecayOptions>,
             decay_arguments),
       entry("CosineDecay", make_schedule<CosineDecay, double, double, CosineDecayOptions>, cosine_arguments),
       entry("CosineDecayRestarts", make_schedule<CosineDecayRestarts, double, double, CosineDecayRestartsOptions>,
             restarts_arguments)});
  return all;
}
}  // namespace

Schedule::~Schedule() = default;

double Schedule::at(std::int64_t step) const {
  const Function evaluate({}, {(*this)(constant(static_cast<double>(step), DType::f64))});
  return evaluate({})[0].item<double>();
}

ExponentialDecay::ExponentialDecay(double initial_learning_rate, double decay_steps, double decay_rate,
                                   ExponentialDecayOptions o)
    : initial_(initial_learning_rate), steps_(decay_steps), rate_(decay_rate), options_(std::move(o)) {
  require_positive("ExponentialDecay", "decay_steps", decay_steps);
}

Value ExponentialDecay::operator()(const Value& step) const {
  const Value periods = step / steps_;
  return initial_ * power(rate_, options_.staircase ? floor(periods) : periods);
}

Config ExponentialDecay::config() const { return write_arguments(decay_arguments, initial_, steps_, rate_, options_); }

PiecewiseConstantDecay::PiecewiseConstantDecay(std::vector<double> boundaries, std::vector<double> values,
                                               PiecewiseConstantDecayOptions o)
    : boundaries_(std::move(boundaries)), values_(std::move(values)), options_(std::move(o)) {
  if (values_.size() != boundaries_.size() + 1)
    fail_expected("PiecewiseConstantDecay", "one value more than boundaries",
                  std::to_string(boundaries_.size()) + " boundaries and " + std::to_string(values_.size()) + " values");
}

Value PiecewiseConstantDecay::operator()(const Value& step) const {
  Value rate = constant(values_.back(), DType::f64);
  for (std::size_t i = boundaries_.size(); i-- > 0;) rate = where(step <= boundaries_[i], values_[i], rate);
  return rate;
}

Config PiecewiseConstantDecay::config() const {
  return write_arguments(piecewise_arguments, boundaries_, values_, options_);
}

PolynomialDecay::PolynomialDecay(double initial_learning_rate, double decay_steps, PolynomialDecayOptions o)
    : initial_(initial_learning_rate), steps_(decay_steps), options_(std::move(o)) {
  require_positive("PolynomialDecay", "decay_steps", decay_steps);
}

PolynomialDecay::PolynomialDecay(double initial_learning_rate, double decay_steps, double end_learning_rate,
                                 PolynomialDecayOptions o)
    : PolynomialDecay(initial_learning_rate, decay_steps, std::move(o)) {
  options_.end_learning_rate = end_learning_rate;
}

Value PolynomialDecay::operator()(const Value& step) const {
  const double end = options_.end_learning_rate;
  const Value length = options_.cycle ? steps_ * maximum(ceil(step / steps_), 1.0) : constant(steps_, DType::f64);
  const Value done = (options_.cycle ? step : minimum(step, steps_)) / length;
  return (initial_ - end) * power(1.0 - done, options_.power) + end;
}

Config PolynomialDecay::config() const { return write_arguments(polynomial_arguments, initial_, steps_, options_); }

InverseTimeDecay::InverseTimeDecay(double initial_learning_rate, double decay_steps, double decay_rate,
                                   InverseTimeDecayOptions o)
    : initial_(initial_learning_rate), steps_(decay_steps), rate_(decay_rate), options_(std::move(o)) {
  require_positive("InverseTimeDecay", "decay_steps", decay_steps);
}

Value InverseTimeDecay::operator()(const Value& step) const {
  const Value periods = step / steps_;
  return initial_ / (1.0 + rate_ * (options_.staircase ? floor(periods) : periods));
}

Config InverseTimeDecay::config() const { return write_arguments(decay_arguments, initial_, steps_, rate_, options_); }

CosineDecay::CosineDecay(double initial_learning_rate, double decay_steps, CosineDecayOptions o)
    : initial_(initial_learning_rate), steps_(decay_steps), options_(std::move(o)) {
  require_positive("CosineDecay", "decay_steps", decay_steps);
  if (options_.warmup_steps < 0)
    fail_expected("CosineDecay", "warmup_steps of at least 0", std::to_string(options_.warmup_steps));
}

Value CosineDecay::operator()(const Value& step) const {
  if (!options_.warmup_target) return initial_ * half_cosine(minimum(step, steps_) / steps_, options_.alpha);
  const double top = *options_.warmup_target, warmup = static_cast<double>(options_.warmup_steps);
  const Value decaying = top * half_cosine(clip((step - warmup) / steps_, 0.0, 1.0), options_.alpha);
  if (options_.warmup_steps == 0) return decaying;
  return where(step < warmup, initial_ + (top - initial_) * (step / warmup), decaying);
}

Config CosineDecay::config() const { return write_arguments(cosine_arguments, initial_, steps_, options_); }

CosineDecayRestarts::CosineDecayRestarts(double initial_learning_rate, double first_decay_steps,
                                         CosineDecayRestartsOptions o)
    : initial_(initial_learning_rate), steps_(first_decay_steps), options_(std::move(o)) {
  require_positive("CosineDecayRestarts", "first_decay_steps", first_decay_steps);
  require_positive("CosineDecayRestarts", "t_mul", options_.t_mul);
}

Value CosineDecayRestarts::operator()(const Value& step) const {
  const double t = options_.t_mul;
  const Value periods = step / steps_;  // in units of the first one
  Value restarts, done;
  if (t == 1.0) {
    restarts = floor(periods);
    done = periods - restarts;
  } else {  // period i begins at (1 - t^i) / (1 - t) and is t^i long
    restarts = floor(log(1.0 - periods * (1.0 - t)) / std::log(t));
    const Value length = power(t, restarts);
    done = (periods - (1.0 - length) / (1.0 - t)) / length;
  }
  const Value cosine = power(options_.m_mul, restarts) * (0.5 * (1.0 + cos(std::numbers::pi * done)));
  return initial_ * ((1.0 - options_.alpha) * cosine + options_.alpha);
}

Config CosineDecayRestarts::config() const { return write_arguments(restarts_arguments, initial_, steps_, options_); }

ConfigValue to_config(const Schedule& s) {
  const std::string class_name = s.class_name();
  if (!registry().find(class_name))
    throw Error("schedule", "the class '" + class_name +
                                "' cannot be saved, since it is not registered: register_schedule(\"" + class_name +
                                "\", ...)");
  return registry().to_config(class_name, s.config());
}

void from_config(const ConfigValue& c, SchedulePtr& s) { s = registry().from_config(c); }

void register_schedule(const std::string& class_name, std::function<SchedulePtr(const Config&)> make) {
  registry().add({.class_name = class_name, .make = std::move(make), .registered_name = "Custom>" + class_name});
}

std::vector<std::string> schedule_names() { return registry().class_names(); }

}  // namespace strata::optimizers::schedules

namespace strata::optimizers {

ConfigValue to_config(const LearningRate& rate) {
  return rate.schedule() ? schedules::to_config(*rate.schedule()) : ConfigValue(rate.constant());
}

void from_config(const ConfigValue& c, LearningRate& rate) {
  if (!std::holds_alternative<Config>(c.variant())) {
    double number = 0;
    strata::from_config(c, number);
    rate = number;
    return;
  }
  schedules::SchedulePtr schedule;
  schedules::from_config(c, schedule);
  rate = LearningRate(schedule);
}

}  // namespace strata::optimizers
