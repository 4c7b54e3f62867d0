#include "models/model.h"

#include <algorithm>

#include "core/graph/names.h"
#include "models/functional.h"
#include "models/replicated.h"
#include "models/trainer.h"

namespace strata {

Predictions::operator Tensor() const {
  if (tensors_.size() != 1)
    fail_expected("predict", "a model with one output (use Tensors for several)", std::to_string(tensors_.size()) + " outputs");
  return tensors_[0];
}

namespace {
std::shared_ptr<ModelDefinition> named(std::shared_ptr<ModelDefinition> definition, const std::string& name) {
  definition->set_name(name.empty() ? unique_name(snake_case(definition->class_name())) : name);
  return definition;
}

std::string listed(const Layers& layers) {
  std::string names;
  for (const Layer& layer : layers) names += (names.empty() ? "'" : ", '") + layer.name() + "'";
  return "[" + names + "]";
}

/// What Keras calls a model's layers, with an empty handle for each InputLayer. A Sequential hides its own.
Layers keras_layers(const ModelDefinition& model) {
  if (model.is_sequential()) return model.sublayers();
  Layers all;
  for (const auto& node : model.operations()) {
    const Symbols& inputs = model.inputs();
    const bool is_input = std::any_of(inputs.begin(), inputs.end(), [&](const Symbol& s) { return s.node() == node; });
    if (is_input)
      all.emplace_back();
    else if (auto layer = std::dynamic_pointer_cast<layers::Base>(node->callee))
      all.emplace_back(std::move(layer));
  }
  return all;
}
}  // namespace

Model::Model(const Symbols& inputs, const Symbols& outputs, const std::string& name)
    : Model(named(std::make_shared<ModelDefinition>(inputs, outputs), name)) {
  Shapes shapes;
  for (const Symbol& s : inputs) shapes.push_back(s.shape());
  definition().ensure_built(shapes);
}

Model::Model(const Layer& layer) : Layer(std::dynamic_pointer_cast<ModelDefinition>(layer.shared())) {
  if (!defined()) fail_expected("Model", "a layer that is a model", layer.defined() ? layer.class_name() : "an empty handle");
}

Model::Model(std::shared_ptr<ModelDefinition> definition) : Layer(std::move(definition)) {}

ModelDefinition& Model::definition() const {
  if (!defined()) throw Error("model", "is an empty handle: it stands for no model");
  return static_cast<ModelDefinition&>(base());
}

Sequential::Sequential(const std::vector<SequentialItem>& items, const std::string& name)
    : Model(named(std::make_shared<ModelDefinition>(Layers{}), name)) {
  for (const SequentialItem& item : items) add(item);
}

void Sequential::add(const SequentialItem& item) {
  ModelDefinition& d = definition();
  if (item.layer().defined()) return d.append(item.layer());
  if (d.has_graph() || !d.sublayers().empty())
    throw Error("Sequential '" + name() + "'", "an Input can only be the first item of a Sequential");
  d.start_from(item.input());
  d.ensure_built({item.input().shape()});
}

Layer Sequential::pop() { return definition().remove_last(); }

Trainer& Model::trainer(std::string_view what) const {
  ModelDefinition& d = definition();
  if (!d.trainer) throw Error(what, "You must call `compile()` before using the model '" + name() + "'.");
  return *d.trainer;
}

void Model::compile(const CompileOptions& options) {
  check_scope(definition(), "compiled");
  definition().trainer = std::make_shared<Trainer>(definition(), options);
}

bool Model::compiled() const { return definition().trainer != nullptr; }
Optimizer Model::optimizer() const { return trainer("optimizer").optimizer(); }
void Model::reset_metrics() { trainer("reset_metrics").reset_metrics(); }

StepPlan Model::plan(const PlanOptionsForModel& options) {
  if (options.batch_size < 1) fail_expected("plan", "a batch size of at least 1", std::to_string(options.batch_size));
  return StepPlan(trainer("plan").plan(options.mode, options.batch_size));
}

std::size_t StepPlan::variable_bytes() const {
  std::size_t bytes = 0;
  for (const Variable& v : plan_->variables()) bytes += v.value().bytes();
  return bytes;
}

Layers Model::layers() const { return definition().sublayers(); }
Symbols Model::inputs() const { return definition().inputs(); }
Symbols Model::outputs() const { return definition().outputs(); }
std::vector<std::string> Model::input_names() const { return definition().input_names(); }
std::vector<std::string> Model::output_names() const { return definition().output_names(); }

Layer Model::get_layer(const std::string& layer_name) const {
  const Layers all = layers();
  const auto it = std::find_if(all.begin(), all.end(), [&](const Layer& l) { return l.name() == layer_name; });
  if (it == all.end()) throw Error("get_layer", "No such layer: " + layer_name + ". Existing layers are: " + listed(all) + ".");
  return *it;
}

Layer Model::get_layer(std::int64_t index) const {
  const Layers all = keras_layers(definition());
  const auto count = static_cast<std::int64_t>(all.size());
  if (index < -count || index >= count)
    throw Error("get_layer", "Was asked to retrieve layer at index " + std::to_string(index) + " but model only has " +
                                 std::to_string(count) + " layers.");
  const Layer& found = all[static_cast<std::size_t>(index < 0 ? index + count : index)];
  if (!found.defined())
    throw Error("get_layer", "index " + std::to_string(index) + " is an input of model '" + name() + "': inputs() has it");
  return found;
}

}  // namespace strata
