#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/graph/variable.h"
#include "optim/schedules.h"

namespace strata::optimizers {

/// What every optimizer takes beside its own arguments; each one's options end with these. At most one of the clips:
///   clipnorm: each gradient is scaled down to at most this norm; clipvalue: each element is brought into
///   [-clipvalue, clipvalue]; global_clipnorm: all gradients are scaled together, to at most this norm (a norm that
///   is not finite makes them NaN).
/// With use_ema the optimizer keeps a moving average of each weight, average = ema_momentum average +
/// (1 - ema_momentum) weight, which takes the weight's place every ema_overwrite_frequency updates, and in
/// finalize_variable_values().
struct CommonOptions {
  LearningRate learning_rate;
  std::optional<double> weight_decay = {};  ///< w -= w * weight_decay * learning rate, before the update
  std::optional<double> clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};  ///< the loss is multiplied by it, the gradients are divided again
  std::optional<std::int64_t> gradient_accumulation_steps = {};  ///< so many calls make one update of their mean, >= 2
  std::string name = {};  ///< empty: Keras's automatic name (`adam`, `adam_1`, ...)
};

/// A state variable of a rule: what it is called, and the tensor that it starts from.
struct Slot {
  std::string name;
  Tensor initial;
};

/// What one update of one variable starts from.
struct Step {
  Variable variable;
  Value gradient, weight;
  Values slots;         ///< in the order of Rule::slots
  Values shared;        ///< Rule::shared after this step's update of them
  Value learning_rate;  ///< scalar f64
  Value number;         ///< scalar f64, 1 for the first update
};

/// An optimizer's formula. Derive to write one of your own: `Optimizer(std::make_shared<MyRule>(), options)`, and
/// register_optimizer to have it saved.
class STRATA_API Rule {
 public:
  virtual ~Rule();
  /// The state for one variable, in Keras's order: the slots of a group are made variable by variable, then those of
  /// the next group. Every variable has the same number of groups.
  virtual std::vector<std::vector<Slot>> slots(const Variable& variable) const = 0;
  /// The new weight, then the new value of each slot; an empty value for a slot that stays as it is. Error when new
  /// values read each other's old ones in a circle, unless that goes through the weight, and weight_from_slots breaks
  /// it.
  virtual Values update(const Step&) const = 0;
  /// For formulas whose slots need the old weight, and whose new weight follows from the new slots: the weight that
  /// update() left empty. The step holds the new slots.
  virtual Value weight_from_slots(const Step&) const { return {}; }
  /// State that belongs to no variable, and its new values, given the old ones and the number of the update.
  virtual std::vector<Slot> shared() const { return {}; }
  virtual Values update_shared(const Values& old, const Value& /*number*/) const { return old; }
  /// The variable's weight decay, given the optimizer's.
  virtual std::optional<double> weight_decay(const Variable&, std::optional<double> common) const { return common; }
  /// Keras's class name, and the arguments of this class alone in Keras's names and order.
  virtual std::string class_name() const = 0;
  virtual Config config() const = 0;
};

/// A slot of the variable's shape and type that starts at `value`.
STRATA_API Slot slot_like(const Variable& variable, std::string name, double value = 0);

}  // namespace strata::optimizers
