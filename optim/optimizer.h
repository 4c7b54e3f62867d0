#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/graph/variable.h"
#include "optim/schedules.h"

namespace strata {

namespace optimizers {

/// What every optimizer takes beside its own arguments; each one's options end with these. At most one of the clips:
///   clipnorm: each gradient is scaled down to at most this norm; clipvalue: each element is brought into
///   [-clipvalue, clipvalue]; global_clipnorm: all gradients are scaled together, to at most this norm (a norm that is
///   not finite makes them NaN).
struct CommonOptions {
  LearningRate learning_rate;
  std::optional<double> weight_decay = {};  ///< w -= w * weight_decay * learning rate, before the update
  std::optional<double> clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  std::string name = {};  ///< empty: Keras's automatic name (`adam`, `adam_1`, ...)
};

/// The state that a rule keeps for each variable: a tensor of the variable's shape that starts at `initial`.
struct Slot {
  std::string name;
  double initial = 0;
};

/// What one update of one variable starts from.
struct Step {
  Value gradient, weight;
  Values slots;         ///< in the order of Rule::slots
  Value learning_rate;  ///< scalar f64
  Value number;         ///< scalar f64, 1 for the first update
};

/// An optimizer's formula. Derive to write one of your own: `Optimizer(std::make_shared<MyRule>(), options)`.
class STRATA_API Rule {
 public:
  virtual ~Rule();
  /// Slots in Keras's order. The slots of a group are made variable by variable, then those of the next group.
  virtual std::vector<std::vector<Slot>> slots() const = 0;
  /// The new weight, then the new value of each slot.
  virtual Values update(const Step&) const = 0;
  /// Keras's class name, and the arguments of this class alone in Keras's names and order.
  virtual std::string class_name() const = 0;
  virtual Config config() const = 0;
};

}  // namespace optimizers

/// An optimizer: a formula, its options, and the state that it has gathered. A handle: copies share the state. Also made
/// from Keras's names in either spelling ("adam", "Adam"); an unknown name is an error: "Could not interpret optimizer
/// identifier: foo".
///
/// One update, in Keras's order: gradients are clipped, weights decay, the formula is applied, then the variables'
/// constraints; then the counter goes up. Everything happens in the graph, that is, on the device.
class STRATA_API Optimizer {
 public:
  Optimizer(const char* identifier);
  Optimizer(const std::string& identifier);
  Optimizer(std::shared_ptr<const optimizers::Rule> rule, optimizers::CommonOptions options);

  /// Updates that make `loss`, a scalar, smaller, with the losses that layers behind it have added (regularizers).
  /// Variables that the loss does not depend on are left alone, with a warning on stderr that lists them. Error if there
  /// is no other.
  Updates minimize(const Value& loss, const Variables& variables) const;
  /// Updates from given gradients, one for each variable; default-made ones are left out as above.
  Updates apply(const Values& gradients, const Variables& variables) const;

  /// Makes the state for these variables. The first update does that, too. From then on others are an error: "Unknown
  /// variable".
  void build(const Variables& variables) const;
  bool built() const;

  /// Variables that do not decay: those given, and those whose name holds a match of one of the regular expressions.
  /// Error once built.
  void exclude_from_weight_decay(const Variables& variables, const std::vector<std::string>& names = {}) const;
  void exclude_from_weight_decay(const std::vector<std::string>& names) const { exclude_from_weight_decay({}, names); }

  /// Updates done so far: scalar i64.
  Variable iterations() const;
  /// The rate of the next update.
  double learning_rate() const;
  /// Error when the rate is a schedule.
  void set_learning_rate(double) const;
  bool has_schedule() const;

  /// Keras's order: `iteration`, `learning_rate` (not with a schedule), then the slots. Paths are Keras's:
  /// `adam/sequential_dense_kernel_momentum`.
  Variables variables() const;
  const std::string& name() const;
  std::string class_name() const;
  /// Keras's names, order and values, arguments of this library's absent features at Keras's defaults.
  Config config() const;

 private:
  struct State;
  State& state() const { return *state_; }
  std::shared_ptr<State> state_;
};

}  // namespace strata
