#include "optim/optimizers.h"

#include "optim/gradient_parts.h"
#include "optim/registration.h"

namespace strata::optimizers {

namespace {
constexpr auto sgd_arguments = [](auto& field, auto& o) {
  field("momentum", o.momentum);
  field("nesterov", o.nesterov);
};

struct SGDRule : Rule {
  SGDOptions o;
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    if (o.momentum == 0) return {};
    return {{slot_like(v, "momentum")}};
  }
  Values update(const Step& s) const override {
    const Value step = rate_of(s) * s.gradient;
    if (o.momentum == 0) return {s.weight - step};
    const Value velocity = o.momentum * s.slots[0] - step;
    if (o.nesterov) return {s.weight + (o.momentum * velocity - step), velocity};
    return {s.weight + velocity, velocity};
  }
  std::string class_name() const override { return "SGD"; }
  Config config() const override { return write_arguments(sgd_arguments, o); }
};

constexpr auto rmsprop_arguments = [](auto& field, auto& o) {
  field("rho", o.rho);
  field("momentum", o.momentum);
  field("epsilon", o.epsilon);
  field("centered", o.centered);
};

struct RMSpropRule : Rule {
  RMSpropOptions o;
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    std::vector<std::vector<Slot>> all{{slot_like(v, "velocity")}};
    if (o.momentum > 0) all.push_back({slot_like(v, "momentum")});
    if (o.centered) all.push_back({slot_like(v, "average_gradient")});
    return all;
  }
  Values update(const Step& s) const override {
    const Value& g = s.gradient;
    const Value mean_square = o.rho * s.slots[0] + (1 - o.rho) * square_of_gradient(g);
    Value average, variance = mean_square;
    if (o.centered) {
      average = o.rho * s.slots.back() + (1 - o.rho) * g;
      variance = mean_square - square(average);
    }
    Value step = rate_of(s) * g / sqrt(variance + o.epsilon);
    Values updated{{}, mean_square};
    if (o.momentum > 0) {
      step = o.momentum * s.slots[1] + step;
      updated.push_back(step);
    }
    if (o.centered) updated.push_back(average);
    updated[0] = s.weight - step;
    return updated;
  }
  std::string class_name() const override { return "RMSprop"; }
  Config config() const override { return write_arguments(rmsprop_arguments, o); }
};

constexpr auto adagrad_arguments = [](auto& field, auto& o) {
  field("initial_accumulator_value", o.initial_accumulator_value);
  field("epsilon", o.epsilon);
};

struct AdagradRule : Rule {
  AdagradOptions o;
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    return {{slot_like(v, "accumulator", o.initial_accumulator_value)}};
  }
  Values update(const Step& s) const override {
    const Value total = s.slots[0] + square_of_gradient(s.gradient);
    return {s.weight - rate_of(s) * s.gradient / sqrt(total + o.epsilon), total};
  }
  std::string class_name() const override { return "Adagrad"; }
  Config config() const override { return write_arguments(adagrad_arguments, o); }
};

constexpr auto adadelta_arguments = [](auto& field, auto& o) {
  field("rho", o.rho);
  field("epsilon", o.epsilon);
};

struct AdadeltaRule : Rule {
  AdadeltaOptions o;
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    return {{slot_like(v, "accumulated_grad"), slot_like(v, "accumulated_delta_var")}};
  }
  Values update(const Step& s) const override {
    const Value squares = square_of_gradient(s.gradient);
    const Value grad = o.rho * s.slots[0] + (1 - o.rho) * squares;
    const Value factor = sqrt(s.slots[1] + o.epsilon) / sqrt(grad + o.epsilon);
    return {s.weight - rate_of(s) * factor * s.gradient, grad,
            o.rho * s.slots[1] + (1 - o.rho) * square(factor) * squares};
  }
  std::string class_name() const override { return "Adadelta"; }
  Config config() const override { return write_arguments(adadelta_arguments, o); }
};

constexpr auto ftrl_arguments = [](auto& field, auto& o) {
  field("learning_rate_power", o.learning_rate_power);
  field("initial_accumulator_value", o.initial_accumulator_value);
  field("l1_regularization_strength", o.l1_regularization_strength);
  field("l2_regularization_strength", o.l2_regularization_strength);
  field("l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength);
  field("beta", o.beta);
};

struct FtrlRule : Rule {
  FtrlOptions o;
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    return {{slot_like(v, "accumulator", o.initial_accumulator_value), slot_like(v, "linear")}};
  }
  Values update(const Step& s) const override {
    const Value& w = s.weight;
    const Value rate = rate_of(s), total = s.slots[0] + square_of_gradient(s.gradient);
    const Value root = power(total, -o.learning_rate_power), old_root = power(s.slots[0], -o.learning_rate_power);
    const Value shrunk = s.gradient + 2 * o.l2_shrinkage_regularization_strength * w;
    return {{}, total, s.slots[1] + (shrunk - (root - old_root) / rate * w)};
  }
  Value weight_from_slots(const Step& s) const override {
    const Value root = power(s.slots[0], -o.learning_rate_power), &linear = s.slots[1];
    const Value quadratic = (root + o.beta) / rate_of(s) + 2 * o.l2_regularization_strength;
    const double l1 = o.l1_regularization_strength;
    return (clip(linear, -l1, l1) - linear) / quadratic;
  }
  std::string class_name() const override { return "Ftrl"; }
  Config config() const override { return write_arguments(ftrl_arguments, o); }
};

constexpr auto lion_arguments = [](auto& field, auto& o) {
  field("beta_1", o.beta_1);
  field("beta_2", o.beta_2);
};

struct LionRule : Rule {
  LionOptions o;
  std::vector<std::vector<Slot>> slots(const Variable& v) const override { return {{slot_like(v, "momentum")}}; }
  Values update(const Step& s) const override {
    const Value direction = sign(s.slots[0] * o.beta_1 + s.gradient * (1 - o.beta_1));
    return {s.weight - rate_of(s) * direction, s.slots[0] * o.beta_2 + s.gradient * (1 - o.beta_2)};
  }
  std::string class_name() const override { return "Lion"; }
  Config config() const override { return write_arguments(lion_arguments, o); }
};

void check_momentum(const char* optimizer, double momentum) {
  if (!(momentum >= 0 && momentum <= 1))
    throw Error(optimizer, "`momentum` must be a number in [0, 1]. Received: momentum=" + std::to_string(momentum));
}

void check_not_negative(const char* optimizer, const char* argument, double value) {
  if (!(value >= 0))
    throw Error(optimizer, "`" + std::string(argument) + "` needs to be positive or zero. Received: " + argument + "=" +
                               std::to_string(value));
}
}  // namespace

SGD::SGD(const SGDOptions& o) : Optimizer(make_rule<SGDRule>(o), common(o)) { check_momentum("SGD", o.momentum); }
RMSprop::RMSprop(const RMSpropOptions& o) : Optimizer(make_rule<RMSpropRule>(o), common(o)) {
  check_momentum("RMSprop", o.momentum);
}
Adagrad::Adagrad(const AdagradOptions& o) : Optimizer(make_rule<AdagradRule>(o), common(o)) {
  check_not_negative("Adagrad", "initial_accumulator_value", o.initial_accumulator_value);
}
Adadelta::Adadelta(const AdadeltaOptions& o) : Optimizer(make_rule<AdadeltaRule>(o), common(o)) {}
Ftrl::Ftrl(const FtrlOptions& o) : Optimizer(make_rule<FtrlRule>(o), common(o)) {
  check_not_negative("Ftrl", "initial_accumulator_value", o.initial_accumulator_value);
  check_not_negative("Ftrl", "l1_regularization_strength", o.l1_regularization_strength);
  check_not_negative("Ftrl", "l2_regularization_strength", o.l2_regularization_strength);
  check_not_negative("Ftrl", "l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength);
  if (!(o.learning_rate_power <= 0))
    throw Error("Ftrl", "`learning_rate_power` needs to be negative or zero. Received: learning_rate_power=" +
                            std::to_string(o.learning_rate_power));
}
Lion::Lion(const LionOptions& o) : Optimizer(make_rule<LionRule>(o), common(o)) {
  if (!(o.beta_1 > 0 && o.beta_1 <= 1))
    throw Error("Lion",
                "`beta_1` must be in (0, 1]: otherwise the optimizer degenerates to SignSGD. Received: beta_1=" +
                    std::to_string(o.beta_1));
}

namespace {
[[maybe_unused]] const bool registered = register_built_in<SGD, SGDOptions>("SGD", sgd_arguments) &&
                                         register_built_in<RMSprop, RMSpropOptions>("RMSprop", rmsprop_arguments) &&
                                         register_built_in<Adagrad, AdagradOptions>("Adagrad", adagrad_arguments) &&
                                         register_built_in<Adadelta, AdadeltaOptions>("Adadelta", adadelta_arguments) &&
                                         register_built_in<Ftrl, FtrlOptions>("Ftrl", ftrl_arguments) &&
                                         register_built_in<Lion, LionOptions>("Lion", lion_arguments);
}  // namespace

}  // namespace strata::optimizers
