#pragma once

#include <string>

#include "core/graph/sparing_fields.h"
#include "optim/rule.h"

/// The statements of arguments that all optimizers share (core/base/argument_fields.h). Internal.
namespace strata::optimizers {

/// What the config of every optimizer holds before its own arguments; `o` are its options.
inline constexpr auto common_arguments = [](auto& field, auto& o) {
  field("name", o.name);
  field("learning_rate", o.learning_rate, "lr");
  field("weight_decay", o.weight_decay);
  field("clipnorm", o.clipnorm);
  field("global_clipnorm", o.global_clipnorm);
  field("clipvalue", o.clipvalue);
  field("use_ema", o.use_ema);
  field("ema_momentum", o.ema_momentum);
  field("ema_overwrite_frequency", o.ema_overwrite_frequency);
  // Keras 2.15 does not know these.
  field_if_set(field, "loss_scale_factor", o.loss_scale_factor);
  field_if_set(field, "gradient_accumulation_steps", o.gradient_accumulation_steps);
};

/// What Keras 2.x writes beside its arguments. An optimizer's `decay` made its rate what InverseTimeDecay makes it.
template <class Options>
void legacy_arguments(ArgumentReader& field, Options& o) {
  field.ignored("jit_compile");
  field.ignored("is_legacy_optimizer");
  std::optional<double> decay;
  field("decay", decay);
  if (decay.value_or(0) != 0 && !o.learning_rate.schedule())
    o.learning_rate = schedules::InverseTimeDecay(o.learning_rate.constant(), 1, *decay);
}

}  // namespace strata::optimizers
