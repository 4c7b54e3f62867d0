#pragma once

#include <memory>
#include <string>

#include "core/graph/class_registry.h"
#include "core/ops/ops.h"
#include "optim/arguments.h"
#include "optim/optimizer.h"

/// How a built-in optimizer makes itself known to files. Internal. At the end of its .cpp:
///
///     const bool registered = register_built_in<SGD, SGDOptions>("SGD", sgd_arguments);
namespace strata::optimizers {

void add_optimizer_class(const ClassRegistry<Optimizer>::Entry& entry);

/// "optimizer SGD 'sgd'", for errors.
std::string describe_config(const std::string& class_name, const Config& config);

template <class Made, class Options, class Statement>
bool register_built_in(const char* class_name, Statement own_arguments) {
  const auto all_arguments = [own_arguments](ArgumentReader& field, Options& o) {
    common_arguments(field, o);
    own_arguments(field, o);
    legacy_arguments(field, o);
  };
  add_optimizer_class({.class_name = class_name,
                       .make = [=](const Config& config) -> Optimizer {
                         Options o;
                         read_arguments(describe_config(class_name, config), config, all_arguments, o);
                         return Made(o);
                       },
                       .module = "keras.optimizers"});
  return true;
}

/// The options that CommonOptions holds, out of those of one optimizer.
template <class Options>
CommonOptions common(const Options& o) {
  return {o.learning_rate,
          o.weight_decay,
          o.clipnorm,
          o.clipvalue,
          o.global_clipnorm,
          o.use_ema,
          o.ema_momentum,
          o.ema_overwrite_frequency,
          o.loss_scale_factor,
          o.gradient_accumulation_steps,
          o.name};
}

/// A rule of a type that keeps its options as `o`.
template <class RuleType, class Options>
std::shared_ptr<const Rule> make_rule(const Options& options) {
  auto made = std::make_shared<RuleType>();
  made->o = options;
  return made;
}

inline Value rate_of(const Step& s) { return cast(s.learning_rate, s.weight.dtype()); }
/// 1 - beta^t, in f64: 1 - 0.999 in single precision is wrong in the fifth digit.
inline Value bias_correction(double beta, const Value& number) { return 1.0 - power(beta, number); }

}  // namespace strata::optimizers
