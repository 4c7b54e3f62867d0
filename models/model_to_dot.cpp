#include "models/model_to_dot.h"

#include <map>

#include "models/functional.h"

namespace strata::utils {

namespace {

/// Text inside Graphviz's HTML-like labels, where a name may hold anything.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string list_of(const Types& types, bool dtype) {
  std::string text;
  for (const Type& t : types) text += (text.empty() ? "" : ", ") + (dtype ? std::string(keras_name(t.dtype)) : to_keras_string(t.shape));
  return escaped(text);
}

class Drawing {
 public:
  explicit Drawing(const DotOptions& options) : options_(options) {}

  std::string draw(const ModelDefinition& model) {
    text_ = "digraph model {\n  rankdir=" + options_.rankdir +
            ";\n  node [shape=plain, fontname=\"Helvetica\", fontsize=11];\n  edge [arrowsize=0.7, color=\"#555555\"];\n";
    add_model(model, "n");
    return text_ + "}\n";
  }

 private:
  using Node = const SymbolNode*;

  /// Where the edges of a node's outputs start and where edges to it end: inside a box, at the box's own layers.
  struct Ends {
    std::vector<std::string> outputs;
    std::vector<std::string> inputs;
  };

  Ends add_model(const ModelDefinition& model, const std::string& prefix) {
    std::map<Node, Ends> ends;
    int number = 0;
    for (const auto& node : model.calls()) {
      const std::string id = prefix + "_" + std::to_string(number++);
      const auto nested = std::dynamic_pointer_cast<ModelDefinition>(node->callee);
      ends[node.get()] = nested && options_.expand_nested ? add_box(*nested, id) : add_node(*node, id);
      for (std::size_t i = 0; i < node->inputs.size(); ++i) {
        const Symbol& in = node->inputs[i];
        const Ends& from = ends.at(in.node().get());
        const Ends& to = ends.at(node.get());
        text_ += "  " + from.outputs[static_cast<std::size_t>(in.index())] + " -> " + to.inputs[i] + ";\n";
      }
    }
    Ends all;
    for (const Symbol& s : model.inputs()) all.inputs.push_back(ends.at(s.node().get()).inputs.at(0));
    for (const Symbol& s : model.outputs())
      all.outputs.push_back(ends.at(s.node().get()).outputs[static_cast<std::size_t>(s.index())]);
    return all;
  }

  Ends add_box(const ModelDefinition& model, const std::string& id) {
    text_ += "  subgraph cluster_" + id + " {\n  label=<" + escaped(model.name()) +
             ">;\n  fontname=\"Helvetica\"; fontsize=11; color=\"#999999\"; style=rounded;\n";
    const Ends ends = add_model(model, id);
    text_ += "  }\n";
    return ends;
  }

  Ends add_node(const SymbolNode& node, const std::string& id) {
    text_ += "  " + id + " [label=<" + label_of(node) + ">];\n";
    return {std::vector<std::string>(node.types.size(), id),
            std::vector<std::string>(std::max<std::size_t>(node.inputs.size(), 1), id)};
  }

  std::string label_of(const SymbolNode& node) const {
    const auto layer = std::dynamic_pointer_cast<layers::Base>(node.callee);
    const std::string class_name = node.callee ? node.callee->class_name() : "InputLayer";
    std::string title = "<B>" + escaped(class_name) + "</B>";
    if (options_.show_layer_names) title = escaped(node.callee ? node.callee->name() : node.input_name) + " (" + title + ")";
    std::string label = "<TABLE BORDER=\"0\" CELLBORDER=\"1\" CELLSPACING=\"0\" CELLPADDING=\"4\"><TR><TD COLSPAN=\"2\" BGCOLOR=\"" +
                        std::string(node.callee ? "#e8eef7" : "#e9f5e9") + "\">" + title + "</TD></TR>";
    if (options_.show_layer_activations && layer && layer->config().contains("activation"))
      if (const auto* name = std::get_if<std::string>(&layer->config().at("activation").variant()))
        label += row("Activation", escaped(*name));
    Types inputs;
    for (const Symbol& s : node.inputs) inputs.push_back(s.type());
    if (options_.show_shapes) label += both("Input shape", inputs, "Output shape", node.types, false);
    if (options_.show_dtype) label += both("Input dtype", inputs, "Output dtype", node.types, true);
    return label + "</TABLE>";
  }

  static std::string row(const std::string& name, const std::string& value) {
    return "<TR><TD ALIGN=\"LEFT\">" + name + "</TD><TD ALIGN=\"LEFT\">" + value + "</TD></TR>";
  }
  static std::string both(const char* in, const Types& inputs, const char* out, const Types& outputs, bool dtype) {
    return (inputs.empty() ? "" : row(in, list_of(inputs, dtype))) + row(out, list_of(outputs, dtype));
  }

  const DotOptions& options_;
  std::string text_;
};
}  // namespace

std::string model_to_dot(const Model& model, const DotOptions& options) {
  if (options.rankdir != "TB" && options.rankdir != "LR" && options.rankdir != "BT" && options.rankdir != "RL")
    fail_expected("model_to_dot: rankdir", "TB, LR, BT or RL", options.rankdir);
  const ModelDefinition& definition = model.definition();
  if (!definition.has_graph())
    throw Error("model '" + model.name() + "'", "cannot be drawn before its input shape is known: start it with an Input");
  return Drawing(options).draw(definition);
}

}  // namespace strata::utils
