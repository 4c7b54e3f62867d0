#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/graph/variable.h"
#include "optim/rule.h"
#include "optim/schedules.h"

namespace strata {

namespace optimizers {
class Implementation;
}

/// An optimizer: a formula, its options, and the state that it has gathered. A handle: copies share the state. Also
/// made from Keras's names in any mixture of cases ("adam", "Adam"); an unknown name is an error: "Could not
/// interpret optimizer identifier: foo".
///
/// One update, in Keras's order: gradients are divided by the loss scale, accumulated, clipped; weights decay, the
/// formula is applied, moving averages follow, then the variables' constraints; then the counter goes up. Everything
/// happens in the graph, that is, on the device.
class STRATA_API Optimizer {
 public:
  /// Empty: only to be assigned to.
  Optimizer() = default;
  Optimizer(const char* identifier);
  Optimizer(const std::string& identifier);
  Optimizer(std::shared_ptr<const optimizers::Rule> rule, optimizers::CommonOptions options);
  explicit Optimizer(std::shared_ptr<optimizers::Implementation> implementation);

  explicit operator bool() const { return implementation_ != nullptr; }

  /// Updates that make `loss`, a scalar, smaller, with the losses that layers behind it have added (regularizers).
  /// Variables that the loss does not depend on are left alone, with a warning on stderr that lists them. Error if
  /// there is no other.
  Updates minimize(const Value& loss, const Variables& variables) const;
  /// Updates from given gradients, one for each variable; default-made ones are left out as above. The gradients are
  /// those of scale_loss(loss).
  Updates apply(const Values& gradients, const Variables& variables) const;
  /// The loss to differentiate: `loss` unless loss_scale_factor or a LossScaleOptimizer scales it.
  Value scale_loss(const Value& loss) const;

  /// Makes the state for these variables. The first update does that, too. From then on others are an error: "Unknown
  /// variable".
  void build(const Variables& variables) const;
  bool built() const;

  /// Variables that do not decay: those given, and those whose name holds a match of one of the regular expressions.
  /// Error once built.
  void exclude_from_weight_decay(const Variables& variables, const std::vector<std::string>& names = {}) const;
  void exclude_from_weight_decay(const std::vector<std::string>& names) const { exclude_from_weight_decay({}, names); }

  /// Calls so far: scalar i64. With gradient_accumulation_steps each of these counts, though not each updates. Of a
  /// LossScaleOptimizer the inner one's, which leaves out what was skipped.
  Variable iterations() const;
  /// The rate of the next update.
  double learning_rate() const;
  /// Error when the rate is a schedule.
  void set_learning_rate(double) const;
  bool has_schedule() const;
  /// What fit does at its end: with use_ema the variables take the values of their moving averages.
  void finalize_variable_values(const Variables& variables) const;

  /// Keras's order: `iteration`, `learning_rate` (not with a schedule), moving averages, gradient accumulators, then
  /// the slots. Paths are Keras's: `adam/sequential_dense_kernel_momentum`.
  Variables variables() const;
  const std::string& name() const;
  std::string class_name() const;
  /// Keras's names, order and values.
  Config config() const;

 private:
  optimizers::Implementation& implementation() const;
  std::shared_ptr<optimizers::Implementation> implementation_;
};

/// As an object in Keras 3's spelling; from any of Keras's spellings, 2.x included, where `decay` other than 0
/// becomes an InverseTimeDecay, as which it acted there. Neither holds the state. Error for an unknown class, naming
/// it and how to register it; for an argument that is unknown or does not fit; and to_config for a rule that is not
/// registered.
STRATA_API ConfigValue to_config(const Optimizer&);
STRATA_API void from_config(const ConfigValue&, Optimizer&);
/// Makes a rule of one's own known to files and identifiers, under the name that its class_name() returns. `make` gets
/// what Optimizer::config() held. Error when a built-in class has the name.
STRATA_API void register_optimizer(const std::string& class_name, std::function<Optimizer(const Config&)> make);
/// Class names, sorted.
STRATA_API std::vector<std::string> optimizer_names();

}  // namespace strata
