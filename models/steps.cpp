#include "models/steps.h"

#include <algorithm>
#include <functional>

#include "core/ops/ops.h"

namespace strata {

std::string key_of(const Types& types) {
  std::string key;
  for (const Type& t : types) key += to_string(t) + ";";
  return key;
}

std::string circumstances(const ModelDefinition& model, Mode mode) {
  std::string key = mode == Mode::train ? "train " : "infer ";
  key += std::to_string(config::num_threads()) + to_string(model.device()) +
         (debugging::check_numerics_enabled() ? " checked " : " ");
  for (const Variable& v : model.weights()) key += v.trainable() ? '1' : '0';
  const std::function<void(const layers::Base&)> flags = [&](const layers::Base& layer) {
    key += layer.trainable() ? 'T' : 'F';
    for (const Layer& inner : layer.sublayers()) flags(inner.base());
  };
  flags(model);
  return key;
}

Types types_of(const Tensors& tensors) {
  Types types;
  for (const Tensor& t : tensors) types.push_back(t.type());
  return types;
}

Values placeholders(const Types& types) {
  Values values;
  for (const Type& t : types) values.push_back(placeholder(t.shape, t.dtype));
  return values;
}

Graph on_device(const ModelDefinition& model, const Graph& graph) {
  for (const NodePtr& node : nodes(graph))
    if (const auto* read = node->op().as<ReadVariable>()) read->variable.move_to(model.device());
  for (const Update& u : graph.updates) u.variable.move_to(model.device());
  return graph;
}

Values cast_to_inputs(const ModelDefinition& model, const Values& x) {
  Values cast_values;
  for (std::size_t i = 0; i < x.size(); ++i) cast_values.push_back(cast(x[i], model.inputs()[i].dtype()));
  return cast_values;
}

Device device_of(const ModelDefinition& model) {
  const Variables weights = model.weights();
  return weights.empty() ? current_device() : weights[0].value().device();
}

std::shared_ptr<const CompiledStep> StepCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.first == key; });
  if (it == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it);
  return entries_.front().second;
}

void StepCache::insert(const std::string& key, std::shared_ptr<const CompiledStep> step) {
  const std::lock_guard lock(mutex_);
  entries_.emplace_front(key, std::move(step));
  constexpr std::size_t most = 16;
  if (entries_.size() > most) entries_.pop_back();
}

Tensors fit_to_inputs(const ModelDefinition& model, Tensors x) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Shape& wanted = model.inputs()[i].shape();
    Shape shape = x[i].shape();
    if (shape.rank() + 1 == wanted.rank() && wanted.back() == 1) shape.push_back(1);
    if (shape.rank() == wanted.rank() + 1 && shape.back() == 1) shape = shape.slice(0, wanted.rank());
    bool fits = shape.rank() == wanted.rank();
    for (int axis = 0; fits && axis < wanted.rank(); ++axis)
      fits = wanted[axis] == open_dim || wanted[axis] == shape[axis];
    if (!fits)
      fail_expected("model '" + model.name() + "' input '" + model.input_names()[i] + "'", "shape " + to_string(wanted),
                    "shape " + to_string(x[i].shape()));
    x[i] = x[i].with_shape(shape);
  }
  return x;
}

}  // namespace strata
