#pragma once

#include <memory>
#include <mutex>

#include "models/steps.h"

namespace strata {

/// The forward pass alone, for predict: needs no compile, and may run on several threads at once.
class Predictor {
 public:
  explicit Predictor(ModelDefinition& model) : model_(model) {}
  Tensors run(const Tensors& x);

 private:
  std::shared_ptr<const CompiledStep> step(const Types& x);
  CompiledStep compile(const Types& x);
  ModelDefinition& model_;
  std::mutex building_;
  StepCache steps_;
};

}  // namespace strata
