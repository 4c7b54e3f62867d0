#include "optim/optimizer.h"

#include "core/graph/context.h"
#include "core/graph/gradients.h"
#include "core/graph/names.h"
#include "core/ops/ops.h"
#include "optim/rule_optimizer.h"

namespace strata {

namespace optimizers {

Implementation::Implementation(std::string class_name, std::string name)
    : class_name_(std::move(class_name)), name_(name.empty() ? unique_name(snake_case(class_name_)) : std::move(name)) {
  iterations_ = add_variable("iteration", Tensor::scalar(std::int64_t{0}));
}

Implementation::~Implementation() = default;

Variable Implementation::add_variable(const std::string& name, Tensor initial) const {
  Variable v(name, std::move(initial), false);
  v.set_path(name_ + "/" + name);
  return v;
}

}  // namespace optimizers

Optimizer::Optimizer(std::shared_ptr<const optimizers::Rule> rule, optimizers::CommonOptions options)
    : Optimizer(std::make_shared<optimizers::RuleOptimizer>(std::move(rule), std::move(options))) {}
Optimizer::Optimizer(std::shared_ptr<optimizers::Implementation> implementation)
    : implementation_(std::move(implementation)) {}

optimizers::Implementation& Optimizer::implementation() const {
  if (!implementation_) throw Error("optimizer", "is empty: none was assigned to it");
  return *implementation_;
}

Updates Optimizer::minimize(const Value& loss, const Variables& variables) const {
  if (loss.shape().rank() != 0)
    fail_expected(implementation().describe() + " minimize", "a scalar loss", to_string(loss.type()));
  Value total = loss;
  for (const Effects::Loss& added : collect_effects({loss}).losses) total = total + cast(added.value, loss.dtype());
  build(variables);
  return apply(gradients(scale_loss(total), Values(variables.begin(), variables.end())), variables);
}

Updates Optimizer::apply(const Values& gradients, const Variables& variables) const {
  if (gradients.size() != variables.size())
    fail_expected(implementation().describe(), std::to_string(variables.size()) + " gradients, one for each variable",
                  std::to_string(gradients.size()));
  build(variables);
  return implementation().apply(gradients, variables);
}

Value Optimizer::scale_loss(const Value& loss) const { return implementation().scale_loss(loss); }
void Optimizer::build(const Variables& variables) const { implementation().build(variables); }
bool Optimizer::built() const { return implementation().built(); }
void Optimizer::exclude_from_weight_decay(const Variables& variables, const std::vector<std::string>& names) const {
  implementation().exclude_from_weight_decay(variables, names);
}
Variable Optimizer::iterations() const { return implementation().iterations(); }
double Optimizer::learning_rate() const { return implementation().learning_rate(); }
void Optimizer::set_learning_rate(double rate) const { implementation().set_learning_rate(rate); }
bool Optimizer::has_schedule() const { return implementation().has_schedule(); }
void Optimizer::finalize_variable_values(const Variables& variables) const {
  implementation().finalize_variable_values(variables);
}
Variables Optimizer::variables() const { return implementation().variables(); }
const std::string& Optimizer::name() const { return implementation().name(); }
std::string Optimizer::class_name() const { return implementation().class_name(); }
Config Optimizer::config() const { return implementation().config(); }

}  // namespace strata
