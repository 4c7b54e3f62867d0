#include "optim/adam.h"

#include "optim/gradient_parts.h"
#include "optim/registration.h"

namespace strata::optimizers {

namespace {
constexpr auto adam_arguments = [](auto& field, auto& o) {
  field("beta_1", o.beta_1);
  field("beta_2", o.beta_2);
  field("epsilon", o.epsilon);
  field("amsgrad", o.amsgrad);
};

constexpr auto adam_like_arguments = [](auto& field, auto& o) {
  field("beta_1", o.beta_1);
  field("beta_2", o.beta_2);
  field("epsilon", o.epsilon);
};

/// The running mean of the gradient, and of its square.
Value first_moment(const Step& s, double beta_1) { return s.slots[0] + (s.gradient - s.slots[0]) * (1 - beta_1); }
Value second_moment(const Step& s, double beta_2) {
  return s.slots[1] + (square_of_gradient(s.gradient) - s.slots[1]) * (1 - beta_2);
}

std::vector<Slot> two_moments(const Variable& v) { return {slot_like(v, "momentum"), slot_like(v, "velocity")}; }

struct AdamRule : Rule {
  AdamOptions o;
  std::string name = "Adam";
  std::vector<std::vector<Slot>> slots(const Variable& variable) const override {
    std::vector<std::vector<Slot>> all{two_moments(variable)};
    if (o.amsgrad) all.push_back({slot_like(variable, "velocity_hat")});
    return all;
  }
  Values update(const Step& s) const override {
    const Value m = first_moment(s, o.beta_1), v = second_moment(s, o.beta_2);
    const Value correction = sqrt(bias_correction(o.beta_2, s.number)) / bias_correction(o.beta_1, s.number);
    const Value rate = cast(s.learning_rate * correction, s.weight.dtype());
    if (!o.amsgrad) return {s.weight - rate * m / (sqrt(v) + o.epsilon), m, v};
    const Value largest = maximum(s.slots[2], v);
    return {s.weight - rate * m / (sqrt(largest) + o.epsilon), m, v, largest};
  }
  std::string class_name() const override { return name; }
  Config config() const override { return write_arguments(adam_arguments, o); }
};

std::shared_ptr<const Rule> adamw_rule(const AdamWOptions& o) {
  auto made = std::make_shared<AdamRule>();
  made->o = {.beta_1 = o.beta_1, .beta_2 = o.beta_2, .epsilon = o.epsilon, .amsgrad = o.amsgrad};
  made->name = "AdamW";
  return made;
}

struct AdamLikeRule : Rule {
  AdamLikeOptions o;
  Config config() const override { return write_arguments(adam_like_arguments, o); }
};

struct AdamaxRule : AdamLikeRule {
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    return {{slot_like(v, "momentum"), slot_like(v, "norm")}};
  }
  Values update(const Step& s) const override {
    const Value m = first_moment(s, o.beta_1), u = maximum(o.beta_2 * s.slots[1], abs_of_gradient(s.gradient));
    const Value rate = cast(s.learning_rate / bias_correction(o.beta_1, s.number), s.weight.dtype());
    return {s.weight - rate * m / (u + o.epsilon), m, u};
  }
  std::string class_name() const override { return "Adamax"; }
};

struct NadamRule : AdamLikeRule {
  std::vector<std::vector<Slot>> slots(const Variable& v) const override { return {two_moments(v)}; }
  std::vector<Slot> shared() const override { return {{"u_product", Tensor::scalar(1.0f)}}; }
  Values update_shared(const Values& old, const Value& number) const override {
    return {old[0] * cast(mu(number), old[0].dtype())};
  }
  Values update(const Step& s) const override {
    const Value m = first_moment(s, o.beta_1), v = second_moment(s, o.beta_2);
    const Value now = mu(s.number), next = mu(s.number + 1.0), product = cast(s.shared[0], DType::f64);
    const DType dtype = s.weight.dtype();
    const Value m_share = cast(next / (1.0 - product * next), dtype);
    const Value g_share = cast((1.0 - now) / (1.0 - product), dtype);
    const Value v_hat = v / cast(bias_correction(o.beta_2, s.number), dtype);
    const Value direction = m_share * m + g_share * s.gradient;
    return {s.weight - rate_of(s) * direction / (sqrt(v_hat) + o.epsilon), m, v};
  }
  std::string class_name() const override { return "Nadam"; }

 private:
  Value mu(const Value& number) const { return o.beta_1 * (1.0 - 0.5 * power(0.96, number)); }
};

Value norm(const Value& x) { return sqrt(sum(square(x))); }

struct LambRule : AdamLikeRule {
  std::vector<std::vector<Slot>> slots(const Variable& v) const override { return {two_moments(v)}; }
  Values update(const Step& s) const override {
    const Value m = first_moment(s, o.beta_1), v = second_moment(s, o.beta_2);
    const DType dtype = s.weight.dtype();
    const Value m_hat = m / cast(bias_correction(o.beta_1, s.number), dtype);
    const Value v_hat = v / cast(bias_correction(o.beta_2, s.number), dtype);
    const Value direction = m_hat / (sqrt(v_hat) + o.epsilon);
    const Value weight_norm = norm(s.weight), step_norm = norm(direction);
    const Value trust = where(logical_and(weight_norm > 0.0, step_norm > 0.0), weight_norm / step_norm, 1.0);
    return {s.weight - trust * rate_of(s) * direction, m, v};
  }
  std::string class_name() const override { return "Lamb"; }
};

constexpr auto schedule_free_arguments = [](auto& field, auto& o) {
  adam_like_arguments(field, o);
  field("warmup_steps", o.warmup_steps);
};

struct ScheduleFreeRule : Rule {
  ScheduleFreeAdamWOptions o;
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    return {{{"momentum", v.value().clone()}, slot_like(v, "velocity")}};
  }
  Values update(const Step& s) const override {
    const DType dtype = s.weight.dtype();
    Value rate = s.learning_rate;
    if (o.warmup_steps > 0) rate = rate * minimum(s.number / static_cast<double>(o.warmup_steps), 1.0);
    const Value v = second_moment(s, o.beta_2);
    const Value v_hat = v / cast(bias_correction(o.beta_2, s.number), dtype);
    const Value z = s.slots[0] - cast(rate, dtype) * s.gradient / (sqrt(v_hat) + o.epsilon);
    // The paper has the z from before the step here. Keras with TensorFlow reads it when it has changed already, and
    // its numbers are followed.
    const Value x = (s.weight - (1 - o.beta_1) * z) / o.beta_1, share = cast(1.0 / s.number, dtype);
    const Value x_new = (1.0 - share) * x + share * z;
    return {(1 - o.beta_1) * z + o.beta_1 * x_new, z, v};
  }
  std::string class_name() const override { return "ScheduleFreeAdamW"; }
  Config config() const override { return write_arguments(schedule_free_arguments, o); }
};
}  // namespace

Adam::Adam(const AdamOptions& o) : Optimizer(make_rule<AdamRule>(o), common(o)) {}
AdamW::AdamW(const AdamWOptions& o) : Optimizer(adamw_rule(o), common(o)) {}
Adamax::Adamax(const AdamLikeOptions& o) : Optimizer(make_rule<AdamaxRule>(o), common(o)) {}
Nadam::Nadam(const AdamLikeOptions& o) : Optimizer(make_rule<NadamRule>(o), common(o)) {}
Lamb::Lamb(const AdamLikeOptions& o) : Optimizer(make_rule<LambRule>(o), common(o)) {}
ScheduleFreeAdamW::ScheduleFreeAdamW(const ScheduleFreeAdamWOptions& o)
    : Optimizer(make_rule<ScheduleFreeRule>(o), common(o)) {
  // The mean of z is found from w and z, by a division by beta_1.
  if (!(o.beta_1 > 0 && o.beta_1 <= 1))
    fail_expected("ScheduleFreeAdamW", "beta_1 in (0, 1]", std::to_string(o.beta_1));
  if (o.warmup_steps < 0)
    fail_expected("ScheduleFreeAdamW", "warmup_steps of at least 0", std::to_string(o.warmup_steps));
}

namespace {
[[maybe_unused]] const bool registered =
    register_built_in<Adam, AdamOptions>("Adam", adam_arguments) &&
    register_built_in<AdamW, AdamWOptions>("AdamW", adam_arguments) &&
    register_built_in<Adamax, AdamLikeOptions>("Adamax", adam_like_arguments) &&
    register_built_in<Nadam, AdamLikeOptions>("Nadam", adam_like_arguments) &&
    register_built_in<Lamb, AdamLikeOptions>("Lamb", adam_like_arguments) &&
    register_built_in<ScheduleFreeAdamW, ScheduleFreeAdamWOptions>("ScheduleFreeAdamW", schedule_free_arguments);
}  // namespace

}  // namespace strata::optimizers
