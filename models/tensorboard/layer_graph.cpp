#include "models/tensorboard/layer_graph.h"

#include <events.pb.h>

#include <map>
#include <utility>
#include <vector>

#include "models/functional.h"

namespace strata::tensorboard {

namespace {
class Builder {
 public:
  /// Adds the calls of `model`; `inputs` are what stands for its inputs. Returns what stands for its outputs.
  std::vector<std::string> add_model(const ModelDefinition& model, const std::string& prefix,
                                     const std::vector<std::string>& inputs) {
    std::map<std::pair<const SymbolNode*, int>, std::string> names;
    const auto name_of = [&](const Symbol& s) { return names.at({s.node().get(), s.index()}); };
    for (std::size_t i = 0; i < inputs.size(); ++i) names[{model.inputs()[i].node().get(), 0}] = inputs[i];
    for (const auto& node : model.calls()) {
      if (!node->callee) continue;
      std::vector<std::string> from;
      for (const Symbol& s : node->inputs) from.push_back(name_of(s));
      const auto outputs = add_call(*node, prefix, from);
      for (std::size_t i = 0; i < outputs.size(); ++i) names[{node.get(), static_cast<int>(i)}] = outputs[i];
    }
    std::vector<std::string> outputs;
    for (const Symbol& s : model.outputs()) outputs.push_back(name_of(s));
    return outputs;
  }

  std::string add_node(const std::string& name, const std::string& op, const std::vector<std::string>& inputs,
                       const Types& types) {
    messages::Node& node = *graph_.add_node();
    node.set_name(name);
    node.set_op(op);
    for (const std::string& input : inputs) node.add_input(input);
    messages::Attribute::List& shapes = *(*node.mutable_attr())["_output_shapes"].mutable_list();
    for (const Type& type : types) {
      messages::TensorShape& shape = *shapes.add_shape();
      for (const std::int64_t d : type.shape) shape.add_dim()->set_size(d == open_dim ? -1 : d);
    }
    return name;
  }

  std::string serialized() const { return graph_.SerializeAsString(); }

 private:
  std::vector<std::string> add_call(const SymbolNode& node, const std::string& prefix,
                                    const std::vector<std::string>& inputs) {
    std::string name = prefix + node.callee->name();
    if (const int call = ++calls_[name]; call > 1) name += "_call_" + std::to_string(call);
    if (const auto* nested = dynamic_cast<const ModelDefinition*>(node.callee.get()))
      return add_model(*nested, name + "/", inputs);
    add_node(name, node.callee->class_name(), inputs, node.types);
    std::vector<std::string> outputs;
    for (std::size_t i = 0; i < node.types.size(); ++i)
      outputs.push_back(i == 0 ? name : name + ":" + std::to_string(i));
    return outputs;
  }

  messages::Graph graph_;
  std::map<std::string, int> calls_;
};
}  // namespace

std::string layer_graph(const Model& model) {
  const ModelDefinition& definition = model.definition();
  Builder builder;
  std::vector<std::string> inputs;
  for (const Symbol& s : definition.inputs())
    inputs.push_back(builder.add_node(s.node()->input_name, "InputLayer", {}, s.node()->types));
  builder.add_model(definition, "", inputs);
  return builder.serialized();
}

}  // namespace strata::tensorboard
