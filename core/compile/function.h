#pragma once

#include <memory>

#include "core/compile/execution.h"

namespace strata {

/// A compiled graph that can be called. `inputs` are placeholders. Each call binds tensors of their types, computes the
/// outputs, and commits the updates: those given, and those that layers behind the outputs and the updates have added
/// (moving statistics, random state). A handle: copies share plan and memory.
class STRATA_API Function {
 public:
  Function() = default;
  Function(const Values& inputs, const Values& outputs, const Updates& updates = {}, const PlanOptions& options = {});
  /// As above, with arenas shared with other plans.
  Function(const Values& inputs, const Values& outputs, const Updates& updates, const PlanOptions& options,
           std::shared_ptr<ArenaPool> arenas);

  bool defined() const { return executable_ != nullptr; }
  /// Error naming the input whose type is not the placeholder's.
  Tensors operator()(const Tensors& inputs) const;
  const Plan& plan() const;

 private:
  std::shared_ptr<Executable> executable_;
};

/// The placement log of a plan, on stderr: one line per kernel.
STRATA_API void log_placement(const Plan& plan);

/// What PlanOptions are in force: check_numerics from debugging, the device from the innermost DeviceScope.
STRATA_API PlanOptions default_plan_options();

}  // namespace strata
