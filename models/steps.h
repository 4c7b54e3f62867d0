#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/compile/graph.h"
#include "models/functional.h"
#include "models/replicated.h"

/// What the steps of training and of prediction have in common. Internal.
namespace strata {

/// Compiled steps by what they depend on; the least recently used one goes when there are too many.
class StepCache {
 public:
  std::shared_ptr<const CompiledStep> find(const std::string& key);
  void insert(const std::string& key, std::shared_ptr<const CompiledStep> step);

 private:
  using Entry = std::pair<std::string, std::shared_ptr<const CompiledStep>>;
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recent first
};

/// Where the model's weights lie, and its steps run; before it has any, where they will be made.
Device device_of(const ModelDefinition& model);

/// Inputs as the model wants them: the missing or superfluous trailing axis of size 1 is added or dropped as Keras
/// does, and everything else that does not fit is an error naming the input.
Tensors fit_to_inputs(const ModelDefinition& model, Tensors x);

/// What besides shapes decides a plan: mode, threads, device, debugging, and which weights train.
std::string circumstances(const ModelDefinition& model, Mode mode);
std::string key_of(const Types& types);
Types types_of(const Tensors& tensors);
Values placeholders(const Types& types);
/// Values as the model's inputs want them: in their element types.
Values cast_to_inputs(const ModelDefinition& model, const Values& x);
/// The lowered graph, its variables on the model's device: an optimizer, a seed or a metric may have been made
/// elsewhere.
Graph on_device(const ModelDefinition& model, const Graph& graph);

}  // namespace strata
