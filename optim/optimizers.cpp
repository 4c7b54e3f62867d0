#include "optim/optimizers.h"

#include "core/ops/ops.h"

namespace strata::optimizers {

namespace {
template <class Options>
CommonOptions common(const Options& o) {
  return {o.learning_rate, o.weight_decay, o.clipnorm, o.clipvalue, o.global_clipnorm, o.name};
}

template <class RuleType, class Options>
std::shared_ptr<const Rule> rule(const Options& options) {
  auto made = std::make_shared<RuleType>();
  made->o = options;
  return made;
}

Value rate_of(const Step& s) { return cast(s.learning_rate, s.weight.dtype()); }

struct SGDRule : Rule {
  SGDOptions o;
  std::vector<std::vector<Slot>> slots() const override {
    if (o.momentum == 0) return {};
    return {{{"momentum"}}};
  }
  Values update(const Step& s) const override {
    const Value step = rate_of(s) * s.gradient;
    if (o.momentum == 0) return {s.weight - step};
    const Value velocity = o.momentum * s.slots[0] - step;
    if (o.nesterov) return {s.weight + (o.momentum * velocity - step), velocity};
    return {s.weight + velocity, velocity};
  }
  std::string class_name() const override { return "SGD"; }
  Config config() const override { return {{"momentum", o.momentum}, {"nesterov", o.nesterov}}; }
};

struct RMSpropRule : Rule {
  RMSpropOptions o;
  std::vector<std::vector<Slot>> slots() const override {
    std::vector<std::vector<Slot>> all{{{"velocity"}}};
    if (o.momentum > 0) all.push_back({{"momentum"}});
    if (o.centered) all.push_back({{"average_gradient"}});
    return all;
  }
  Values update(const Step& s) const override {
    const Value& g = s.gradient;
    const Value mean_square = o.rho * s.slots[0] + (1 - o.rho) * square(g);
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
  Config config() const override {
    return {{"rho", o.rho}, {"momentum", o.momentum}, {"epsilon", o.epsilon}, {"centered", o.centered}};
  }
};

struct AdamRule : Rule {
  AdamOptions o;
  std::string name = "Adam";
  std::vector<std::vector<Slot>> slots() const override {
    std::vector<std::vector<Slot>> all{{{"momentum"}, {"velocity"}}};
    if (o.amsgrad) all.push_back({{"velocity_hat"}});
    return all;
  }
  Values update(const Step& s) const override {
    const Value& g = s.gradient;
    const Value m = s.slots[0] + (g - s.slots[0]) * (1 - o.beta_1);
    const Value v = s.slots[1] + (square(g) - s.slots[1]) * (1 - o.beta_2);
    // In double precision: 1 - 0.999 in single precision is wrong in the fifth digit.
    const Value correction = sqrt(1.0 - power(o.beta_2, s.number)) / (1.0 - power(o.beta_1, s.number));
    const Value rate = cast(s.learning_rate * correction, s.weight.dtype());
    if (!o.amsgrad) return {s.weight - rate * m / (sqrt(v) + o.epsilon), m, v};
    const Value largest = maximum(s.slots[2], v);
    return {s.weight - rate * m / (sqrt(largest) + o.epsilon), m, v, largest};
  }
  std::string class_name() const override { return name; }
  Config config() const override {
    return {{"beta_1", o.beta_1}, {"beta_2", o.beta_2}, {"epsilon", o.epsilon}, {"amsgrad", o.amsgrad}};
  }
};

std::shared_ptr<const Rule> adamw_rule(const AdamWOptions& o) {
  auto made = std::make_shared<AdamRule>();
  made->o = {.beta_1 = o.beta_1, .beta_2 = o.beta_2, .epsilon = o.epsilon, .amsgrad = o.amsgrad};
  made->name = "AdamW";
  return made;
}

struct AdagradRule : Rule {
  AdagradOptions o;
  std::vector<std::vector<Slot>> slots() const override { return {{{"accumulator", o.initial_accumulator_value}}}; }
  Values update(const Step& s) const override {
    const Value total = s.slots[0] + square(s.gradient);
    return {s.weight - rate_of(s) * s.gradient / sqrt(total + o.epsilon), total};
  }
  std::string class_name() const override { return "Adagrad"; }
  Config config() const override {
    return {{"initial_accumulator_value", o.initial_accumulator_value}, {"epsilon", o.epsilon}};
  }
};

void check_momentum(const char* optimizer, double momentum) {
  if (!(momentum >= 0 && momentum <= 1))
    throw Error(optimizer, "`momentum` must be a number in [0, 1]. Received: momentum=" + std::to_string(momentum));
}
}  // namespace

SGD::SGD(const SGDOptions& o) : Optimizer(rule<SGDRule>(o), common(o)) { check_momentum("SGD", o.momentum); }
RMSprop::RMSprop(const RMSpropOptions& o) : Optimizer(rule<RMSpropRule>(o), common(o)) {
  check_momentum("RMSprop", o.momentum);
}
Adam::Adam(const AdamOptions& o) : Optimizer(rule<AdamRule>(o), common(o)) {}
AdamW::AdamW(const AdamWOptions& o) : Optimizer(adamw_rule(o), common(o)) {}
Adagrad::Adagrad(const AdagradOptions& o) : Optimizer(rule<AdagradRule>(o), common(o)) {
  if (o.initial_accumulator_value < 0)
    fail_expected("Adagrad", "an initial_accumulator_value of at least 0", std::to_string(o.initial_accumulator_value));
}

}  // namespace strata::optimizers
