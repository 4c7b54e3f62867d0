#include "core/compile/function.h"

#include <cstdio>

namespace strata {

void log_placement(const Plan& plan) {
  for (const PlanStep& step : plan.steps()) {
    if (step.waits_for) continue;  // no kernel
    std::string types;
    for (const Type& t : step.signature.outputs) types += " " + to_string(t);
    std::fprintf(stderr, "placement: %s%s%s%s on %s ->%s\n", step.op.c_str(), step.layer.empty() ? "" : " ",
                 step.layer.c_str(), step.gradient ? " (gradient)" : "", to_string(step.device).c_str(), types.c_str());
  }
}

PlanOptions default_plan_options() {
  PlanOptions options;
  options.check_numerics = debugging::check_numerics_enabled();
  options.fuse = !options.check_numerics;
  options.device = current_device();
  return options;
}

Function::Function(const Values& inputs, const Values& outputs, const Updates& updates, const PlanOptions& options)
    : Function(inputs, outputs, updates, options, std::make_shared<ArenaPool>()) {}

Function::Function(const Values& inputs, const Values& outputs, const Updates& updates, const PlanOptions& options,
                   std::shared_ptr<ArenaPool> arenas) {
  PlanOptions own = options;
  own.memory_on_hand += arenas->idle_bytes(options.device);
  auto plan = Plan::compile(inputs, lower(outputs, updates), own);
  if (debugging::log_device_placement()) log_placement(*plan);
  executable_ = std::make_shared<Executable>(std::move(plan), std::move(arenas));
}

Tensors Function::operator()(const Tensors& inputs) const {
  if (!executable_) throw Error("function", "is empty: it was made without a graph");
  return executable_->run(inputs);
}

const Plan& Function::plan() const {
  if (!executable_) throw Error("function", "is empty: it was made without a graph");
  return executable_->plan();
}

}  // namespace strata
