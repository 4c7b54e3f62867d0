#pragma once

#include <string>
#include <vector>

#include "optim/optimizer.h"

namespace strata::optimizers {

/// What stands behind an Optimizer: a rule with its state, or a wrapper around other optimizers. Internal.
class Implementation {
 public:
  explicit Implementation(std::string class_name, std::string name);
  virtual ~Implementation();

  const std::string& name() const { return name_; }
  const std::string& class_name() const { return class_name_; }
  std::string describe() const { return "optimizer '" + name_ + "'"; }

  /// What counts the updates, and decides the rate of the next.
  virtual Variable iterations() const { return iterations_; }
  virtual Value scale_loss(const Value& loss) const = 0;
  /// Gradients for all of the variables, default-made ones for those without.
  virtual Updates apply(const Values& gradients, const Variables& variables) = 0;
  virtual void build(const Variables& variables) = 0;
  virtual bool built() const = 0;
  virtual void exclude_from_weight_decay(const Variables& variables, const std::vector<std::string>& names) = 0;
  virtual double learning_rate() const = 0;
  virtual void set_learning_rate(double) = 0;
  virtual bool has_schedule() const = 0;
  virtual void finalize_variable_values(const Variables& variables) = 0;
  virtual Variables variables() const = 0;
  virtual Config config() const = 0;

 protected:
  /// A state variable of the optimizer, at Keras's path.
  Variable add_variable(const std::string& name, Tensor initial) const;

  const Variable& own_iterations() const { return iterations_; }

 private:
  std::string class_name_, name_;
  Variable iterations_;
};

}  // namespace strata::optimizers
