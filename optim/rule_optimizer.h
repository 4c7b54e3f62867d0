#pragma once

#include <memory>
#include <unordered_map>

#include "optim/implementation.h"

namespace strata::optimizers {

/// A rule, its options and its state. Internal.
class RuleOptimizer final : public Implementation {
 public:
  RuleOptimizer(std::shared_ptr<const Rule> rule, CommonOptions options);

  Value scale_loss(const Value& loss) const override;
  Updates apply(const Values& gradients, const Variables& variables) override;
  void build(const Variables& variables) override;
  bool built() const override { return built_; }
  void exclude_from_weight_decay(const Variables& variables, const std::vector<std::string>& names) override;
  double learning_rate() const override;
  void set_learning_rate(double) override;
  bool has_schedule() const override { return options_.learning_rate.schedule() != nullptr; }
  void finalize_variable_values(const Variables& variables) override;
  Variables variables() const override;
  Config config() const override;
  const CommonOptions& options() const { return options_; }

 private:
  /// The state of one variable; the first two are empty where they are not asked for.
  struct State {
    Variable average, accumulator;
    Variables slots;
  };
  /// What all variables of one step have in common. The values are read as pending, so that several updates of one step
  /// chain; `condition` is empty where every call updates.
  struct Call {
    Value calls, number, rate, condition;
    Values shared;
  };

  Call begin() const;
  std::optional<double> decay_of(const Variable&) const;
  const State& state_of(const Variable&) const;
  Values clipped(Values gradients) const;
  /// What the rule makes of one variable and its slots.
  Updates update(const Variable& variable, const Value& gradient, const Call& call) const;
  Updates follow_averages(const Call& call) const;

  std::shared_ptr<const Rule> rule_;
  CommonOptions options_;
  Variable learning_rate_;  // empty with a schedule
  bool built_ = false;
  Variables trained_;  // in the order of build
  Variables state_in_order_, shared_;
  std::unordered_map<const void*, State> states_;
  Variables not_decaying_;
  std::vector<std::string> names_not_decaying_;
};

}  // namespace strata::optimizers
