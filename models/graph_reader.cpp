#include <algorithm>
#include <deque>
#include <unordered_map>

#include "core/base/json.h"
#include "core/graph/class_registry.h"
#include "layers/embedding.h"
#include "models/model_reading.h"
#include "models/op_nodes.h"

namespace strata {

namespace {
/// One entry of `layers`: what is called, and how often.
struct Entry {
  std::string name, class_name;
  const Config* config = nullptr;
  Symbol input = {};  // of an InputLayer,
  Layer layer = {};   // or this, or a plain operation
  std::vector<NodeCall> calls = {};
  std::vector<Symbols> outputs = {};  // of each call, once it is made
  bool is_model() const { return layer.defined() && dynamic_cast<const ModelDefinition*>(&layer.base()) != nullptr; }
  std::string label() const { return class_name + " '" + name + "'"; }
};

/// Makes the graph of a Functional model: each call as soon as all that it is called on is there.
class GraphReader {
 public:
  explicit GraphReader(const Config& config) : config_(config) {
    if (config.contains("name") && std::holds_alternative<std::string>(config.at("name").variant()))
      where_ = "model '" + config.at("name").as_string() + "'";
  }

  std::shared_ptr<ModelDefinition> read() {
    for (const ConfigValue& entry : member(config_, "layers", where_).as_list()) add_entry(entry.as_config());
    std::vector<TensorRef> inputs = read_ends(member(config_, "input_layers", where_), where_ + " input_layers");
    std::vector<TensorRef> outputs = read_ends(member(config_, "output_layers", where_), where_ + " output_layers");
    number_calls(inputs, outputs);
    make_calls();
    return std::make_shared<ModelDefinition>(symbols_of(inputs, "input"), symbols_of(outputs, "output"));
  }

 private:
  struct Waiting {
    Entry* entry;
    std::size_t call;
    std::size_t missing;
  };

  void add_entry(const Config& config) {
    const ConfigObject object = ConfigObject::read(config, "layer");
    Entry entry{.name = name_of_entry(config), .class_name = object.class_name, .config = &config};
    if (index_.contains(entry.name))
      throw Error(where_, "The name \"" + entry.name + "\" is used 2 times in the model. All operation names should be unique.");
    if (entry.class_name == "InputLayer")
      entry.input = read_input(object.arguments(), entry.label());
    else if (!is_operation(config))
      entry.layer = read_layer(config);
    if (!add_calls(entry, member(config, "inbound_nodes", entry.label()))) keras2_ = true;
    index_[entry.name] = entries_.size();
    entries_.push_back(std::move(entry));
  }

  /// Whether the calls are in Keras 3's spelling; true when there are none.
  static bool add_calls(Entry& entry, const ConfigValue& nodes) {
    bool keras3 = true;
    for (const ConfigValue& node : nodes.as_list()) {
      keras3 = keras3 && std::holds_alternative<Config>(node.variant());
      entry.calls.push_back(read_node(node, entry.label()));
    }
    entry.outputs.resize(entry.input.defined() ? 1 : entry.calls.size());
    if (entry.input.defined()) entry.outputs[0] = {entry.input};
    return keras3;
  }

  Entry& entry_of(const TensorRef& ref) {
    const auto found = index_.find(ref.layer);
    if (found == index_.end()) throw Error(where_, "Unknown layer: " + ref.layer);
    return entries_[found->second];
  }

  /// Numbers of calls as files count them, to positions in Entry::calls. In Keras 2 a nested model has one call more, the one
  /// that made it, which no file lists; Keras 3 counts that one in `output_layers` of nested Functional models only.
  void number_calls(std::vector<TensorRef>& inputs, std::vector<TensorRef>& outputs) {
    std::vector<TensorRef*> all, ends;
    for (auto* list : {&inputs, &outputs})
      for (TensorRef& ref : *list) ends.push_back(&ref);
    for (Entry& entry : entries_)
      for (NodeCall& call : entry.calls)
        for (TensorRef* ref : tensors_of(call)) all.push_back(ref);
    if (keras2_) {
      all.insert(all.end(), ends.begin(), ends.end());
      std::unordered_map<const Entry*, std::int64_t> largest;
      for (const TensorRef* ref : all) largest[&entry_of(*ref)] = std::max(largest[&entry_of(*ref)], ref->call);
      for (TensorRef* ref : all) {
        const Entry& entry = entry_of(*ref);
        if (entry.is_model() && largest[&entry] >= static_cast<std::int64_t>(entry.calls.size()) && ref->call > 0) --ref->call;
      }
    } else {
      for (TensorRef* ref : ends)
        if (entry_of(*ref).is_model() && entry_of(*ref).class_name != "Sequential" && ref->call > 0) --ref->call;
    }
  }

  void make_calls() {
    std::vector<Waiting> waiting;
    std::unordered_map<const Symbols*, std::vector<std::size_t>> waiting_for;
    std::deque<std::size_t> ready;
    for (Entry& entry : entries_)
      for (std::size_t i = 0; i < entry.calls.size(); ++i) {
        waiting.push_back({&entry, i, 0});
        for (const TensorRef* ref : tensors_of(entry.calls[i])) {
          const Symbols* made = outputs_of(*ref);
          if (made != nullptr && !made->empty()) continue;
          ++waiting.back().missing;
          if (made != nullptr) waiting_for[made].push_back(waiting.size() - 1);
        }
        if (waiting.back().missing == 0) ready.push_back(waiting.size() - 1);
      }
    std::size_t done = 0;
    for (; !ready.empty(); ++done) {
      const Waiting next = waiting[ready.front()];
      ready.pop_front();
      Symbols& made = next.entry->outputs[next.call];
      made = make_call(*next.entry, next.entry->calls[next.call]);
      for (const std::size_t w : waiting_for[&made])
        if (--waiting[w].missing == 0) ready.push_back(w);
    }
    if (done < waiting.size()) fail_unresolved(waiting);
  }

  /// Null when the file means a call that it does not hold.
  const Symbols* outputs_of(const TensorRef& ref) {
    const Entry& entry = entry_of(ref);
    return ref.call < static_cast<std::int64_t>(entry.outputs.size()) ? &entry.outputs[static_cast<std::size_t>(ref.call)] : nullptr;
  }

  [[noreturn]] void fail_unresolved(const std::vector<Waiting>& waiting) {
    std::string names;
    for (const Waiting& w : waiting)
      if (w.missing > 0) names += (names.empty() ? "" : ", ") + w.entry->label() + " call " + std::to_string(w.call);
    throw Error(where_, "Invalid Functional model configuration. The graph of the Functional model either has loops or disconnected "
                        "nodes. The following nodes failed to be resolved: " + names.substr(0, 2000));
  }

  Symbol symbol_of(const TensorRef& ref, const std::string& user) {
    const Symbols* made = outputs_of(ref);
    if (made == nullptr || made->empty())
      throw Error(where_, user + " stands for call " + std::to_string(ref.call) + " of '" + ref.layer + "', which there is not");
    if (ref.tensor >= static_cast<std::int64_t>(made->size()))
      throw Error(where_, user + " stands for output " + std::to_string(ref.tensor) + " of '" + ref.layer + "', which has " +
                              std::to_string(made->size()));
    return (*made)[static_cast<std::size_t>(ref.tensor)];
  }

  Symbols symbols_of(const std::vector<TensorRef>& refs, const std::string& user) {
    Symbols symbols;
    for (const TensorRef& ref : refs) symbols.push_back(symbol_of(ref, "the " + user + " '" + ref.layer + "'"));
    return symbols;
  }

  CallArgument to_call_argument(const NodeArgument& a, const std::string& user) {
    if (a.kind == NodeArgument::Kind::tensor) return {.symbol = symbol_of(a.tensor, user)};
    CallArgument argument{.constant = a.constant};
    for (const NodeArgument& part : a.list) argument.list.push_back(to_call_argument(part, user));
    return argument;
  }

  void flatten(const std::vector<NodeArgument>& arguments, const std::string& user, Symbols& into) {
    for (const NodeArgument& a : arguments) {
      if (a.kind == NodeArgument::Kind::tensor) into.push_back(symbol_of(a.tensor, user));
      else if (a.kind == NodeArgument::Kind::list) flatten(a.list, user, into);
      else if (!a.constant.is_null()) fail_expected(user, "a call on tensors", to_json(a.constant));
    }
  }

  Symbols make_call(const Entry& entry, const NodeCall& call) {
    if (entry.input.defined()) throw Error(where_, entry.label() + " is an input, and yet called");
    if (!entry.layer.defined()) {
      CallArguments arguments;
      for (const NodeArgument& a : call.arguments) arguments.push_back(to_call_argument(a, entry.label()));
      Config config = member(*entry.config, "config", entry.label()).as_config();
      config.set("name", entry.name);
      return call_op(entry.class_name, config, arguments);
    }
    Symbols inputs, masks;
    flatten(call.arguments, entry.label(), inputs);
    if (inputs.empty()) throw Error(where_, entry.label() + " is called on nothing");
    for (const NodeArgument& m : call.masks)
      masks.push_back(m.kind == NodeArgument::Kind::tensor ? symbol_of(m.tensor, entry.label()) : Symbol());
    if (call.reverse) return {layers::reverse(entry.layer, inputs[0])};
    if (masks.size() > inputs.size()) fail_expected(entry.label(), "a mask for each input", std::to_string(masks.size()));
    return entry.layer.call_symbols(inputs, masks);
  }

  const Config& config_;
  std::string where_ = "model";
  std::deque<Entry> entries_;  // whose addresses stay
  std::unordered_map<std::string, std::size_t> index_;
  bool keras2_ = false;
};
}  // namespace

std::shared_ptr<ModelDefinition> read_functional(const Config& config) { return GraphReader(config).read(); }

}  // namespace strata
