#include <algorithm>
#include <unordered_map>

#include "layers/registry.h"
#include "layers/reversed_call.h"
#include "models/functional.h"
#include "models/op_nodes.h"

namespace strata {

namespace {
using NodeRef = std::shared_ptr<const SymbolNode>;

ConfigValue shape_config(const Shape& shape) {
  ConfigValue::List sizes;
  for (const std::int64_t size : shape) {
    if (size == open_dim)
      sizes.emplace_back(nullptr);
    else
      sizes.emplace_back(size);
  }
  return sizes;
}

Shape input_shape(const SymbolNode& node) {
  Shape shape = node.types[0].shape;
  if (shape.rank() > 0) shape[0] = node.input_batch;
  return shape;
}

Config input_layer(const SymbolNode& node, const std::string& name) {
  return {{"module", "keras.layers"},
          {"class_name", "InputLayer"},
          {"config", Config{{"batch_shape", shape_config(input_shape(node))}, {"dtype", std::string(keras_name(node.types[0].dtype))},
                            {"sparse", false}, {"ragged", false}, {"name", name}}},
          {"registered_name", nullptr}};
}

/// Whom a node calls: for the way back of a ReversibleEmbedding, that layer.
const Callable* called_by(const SymbolNode& node) {
  const Layer reversed = layers::reversed_by(*node.callee);
  return reversed.defined() ? &reversed.base() : node.callee.get();
}

/// The config of a graph of layers, as Keras 3 writes it.
class GraphWriter {
 public:
  explicit GraphWriter(const ModelDefinition& model) : model_(model) {
    for (const NodeRef& node : model.calls()) {
      if (is_input(*node)) continue;
      std::vector<NodeRef>& calls = calls_[called_by(*node)];
      number_[node.get()] = static_cast<std::int64_t>(calls.size());
      calls.push_back(node);
    }
  }

  ConfigValue layers() const {
    ConfigValue::List entries;
    for (const NodeRef& node : model_.operations())
      if (is_input(*node) || called_by(*node) == node->callee.get()) entries.emplace_back(entry(*node));
    return entries;
  }

  ConfigValue ends(const Symbols& symbols) const {
    ConfigValue::List all;
    for (const Symbol& s : symbols) {
      // Keras 3 counts the call that made a nested Functional model here, and nowhere else.
      const auto* nested = dynamic_cast<const ModelDefinition*>(s.node()->callee.get());
      const bool counts_itself = nested != nullptr && !nested->is_sequential() && !is_input(*s.node());
      all.push_back(ConfigValue::List{name_of(*s.node()), number_of(s) + (counts_itself ? 1 : 0), s.index()});
    }
    return all;
  }

 private:
  bool is_input(const SymbolNode& node) const {
    return std::ranges::any_of(model_.inputs(), [&](const Symbol& s) { return s.node().get() == &node; });
  }
  std::string name_of(const SymbolNode& node) const {
    if (!node.callee) return node.input_name;
    return is_input(node) ? node.callee->name() : called_by(node)->name();
  }
  std::int64_t number_of(const Symbol& s) const {
    const auto found = number_.find(s.node().get());
    return found == number_.end() ? 0 : found->second;
  }

  Config tensor(const Symbol& s) const {
    return {{"class_name", "__keras_tensor__"},
                  {"config", Config{{"shape", shape_config(s.shape())},
                                    {"dtype", std::string(keras_name(s.dtype()))},
                                    {"keras_history", ConfigValue::List{name_of(*s.node()), number_of(s), s.index()}}}}};
  }

  Config entry(const SymbolNode& first) const {
    Config config;
    ConfigValue::List nodes;
    if (is_input(first)) {
      config = input_layer(first, name_of(first));
    } else if (const auto* op = dynamic_cast<const OpLayer*>(first.callee.get())) {
      const OpDescription d = describe_op(*op);
      config = operation(d, op->name());
      for (const NodeRef& call : calls_.at(op)) nodes.emplace_back(node_config(operands(d.arguments, *call), {}));
    } else {
      const auto layer = std::dynamic_pointer_cast<layers::Base>(first.callee);
      if (!layer) throw Error("model '" + model_.name() + "'", "'" + first.callee->name() + "' is neither a layer nor an operation");
      config = to_config(Layer(layer)).as_config();
      for (const NodeRef& call : calls_.at(layer.get())) nodes.emplace_back(call_of_layer(*call));
    }
    config.set("name", name_of(first));
    config.set("inbound_nodes", nodes);
    return config;
  }

  static Config operation(const OpDescription& d, const std::string& name) {
    Config config{{"name", name}};
    for (const auto& [key, value] : d.config.items()) config.set(key, value);
    return {{"module", d.module}, {"class_name", d.class_name}, {"config", config}, {"registered_name", d.class_name}};
  }

  static Config node_config(ConfigValue::List arguments, Config keywords) {
    return {{"args", std::move(arguments)}, {"kwargs", std::move(keywords)}};
  }

  ConfigValue::List operands(const CallArguments& arguments, const SymbolNode& call) const {
    std::size_t next = 0;
    return operands(arguments, call, next);
  }
  ConfigValue::List operands(const CallArguments& arguments, const SymbolNode& call, std::size_t& next) const {
    ConfigValue::List all;
    for (const CallArgument& a : arguments) {
      if (!a.list.empty())
        all.emplace_back(operands(a.list, call, next));
      else if (a.constant.is_null())
        all.emplace_back(tensor(call.inputs.at(next++)));
      else
        all.push_back(a.constant);
    }
    return all;
  }

  Config call_of_layer(const SymbolNode& call) const {
    ConfigValue::List inputs, masks;
    for (const Symbol& s : call.inputs) inputs.emplace_back(tensor(s));
    for (const Symbol& s : call.masks) {
      if (s.defined())
        masks.emplace_back(tensor(s));
      else
        masks.emplace_back(nullptr);
    }
    Config keywords;
    if (masks.size() == 1) keywords.set("mask", masks[0]);
    if (masks.size() > 1) keywords.set("mask", masks);
    if (called_by(call) != call.callee.get()) keywords.set("reverse", true);
    if (inputs.size() > 1) inputs = {ConfigValue(std::move(inputs))};
    return node_config(std::move(inputs), std::move(keywords));
  }

  const ModelDefinition& model_;
  std::unordered_map<const Callable*, std::vector<NodeRef>> calls_;
  std::unordered_map<const SymbolNode*, std::int64_t> number_;
};

Config sequential_config(const ModelDefinition& model) {
  ConfigValue::List entries;
  if (model.has_graph()) entries.emplace_back(input_layer(*model.inputs()[0].node(), model.input_names()[0]));
  for (const Layer& layer : model.sublayers()) entries.push_back(to_config(layer));
  Config config{{"layers", entries}};
  if (model.has_graph()) config.set("build_input_shape", shape_config(input_shape(*model.inputs()[0].node())));
  return config;
}
}  // namespace

Config ModelDefinition::config() const {
  if (sequential_) return sequential_config(*this);
  const GraphWriter graph(*this);
  return {{"layers", graph.layers()}, {"input_layers", graph.ends(inputs_)}, {"output_layers", graph.ends(outputs_)}};
}

Config ModelDefinition::common_config() const {
  if (sequential_) return Base::common_config();
  return {{"name", name()}, {"trainable", trainable()}};
}

}  // namespace strata
