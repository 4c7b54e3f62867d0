#pragma once

#include <string>
#include <utility>
#include <vector>

#include "optim/optimizer.h"

/// Optimizers that are made of others.
namespace strata::optimizers {

struct LossScaleOptions {
  double initial_scale = 32768.0;
  std::int64_t dynamic_growth_steps = 2000;
  std::string name = {};
};
/// The loss is multiplied by a scale, and the gradients are divided by it, so that those of 16-bit types do not
/// vanish. Where a gradient is not finite, nothing is updated and the scale is halved; after dynamic_growth_steps
/// updates without such a thing it doubles. Learning rate and updates are the inner optimizer's. Error when that has
/// a loss_scale_factor of its own.
class STRATA_API LossScaleOptimizer : public Optimizer {
 public:
  explicit LossScaleOptimizer(const Optimizer& inner, const LossScaleOptions& = {});
};

/// Which optimizer updates a variable: that of the one regular expression that matches the whole of the variable's
/// path, or the default. Error when several match.
struct OptimizerMap {
  Optimizer default_optimizer;
  std::vector<std::pair<std::string, Optimizer>> optimizer_map = {};
};
struct MultiOptimizerOptions {
  std::optional<double> loss_scale_factor = {};
  std::string name = {};
};
/// Several optimizers, each for some of the variables. Learning rate, weight decay and the like are theirs: asking this
/// one is an error. Error for an optimizer that is a wrapper itself, or that has a loss_scale_factor.
class STRATA_API MultiOptimizer : public Optimizer {
 public:
  explicit MultiOptimizer(const OptimizerMap& map, const MultiOptimizerOptions& = {});
};

}  // namespace strata::optimizers
