#include "models/functional.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "core/graph/names.h"
#include "distributed/process_group.h"
#include "distributed/replicas.h"
#include "models/predictor.h"

namespace strata {

namespace {
using NodeRef = std::shared_ptr<const SymbolNode>;

std::string name_of(const SymbolNode& node) { return node.callee ? node.callee->name() : node.input_name; }

/// What identifies a layer: all calls of one layer share it.
const void* layer_key(const SymbolNode& node) {
  return node.callee ? static_cast<const void*>(node.callee.get()) : static_cast<const void*>(&node);
}

/// Inputs, then masks, as Keras counts the arguments of a call; null past the last.
const Symbol* argument_at(const SymbolNode& node, std::size_t i) {
  if (i < node.inputs.size()) return &node.inputs[i];
  return i - node.inputs.size() < node.masks.size() ? &node.masks[i - node.inputs.size()] : nullptr;
}

/// Keras's order of operations: depth first from the outputs numbers the layers; then by depth (distance from the
/// outputs) descending, and within one depth by that number. keras/src/models/functional.py (3.15), map_graph.
class KerasOrder {
 public:
  KerasOrder(const Symbols& inputs, const Symbols& outputs) {
    for (const Symbol& s : inputs) inputs_.insert(s.node().get());
    for (const Symbol& s : outputs) visit(s);
    for (const Symbol& s : inputs)
      if (!number_.contains(layer_key(*s.node()))) {  // an input that nothing uses
        number_[layer_key(*s.node())] = -1;
        post_order_.push_back(s.node());
      }
    compute_depths();
  }

  /// All calls, inputs before users.
  const std::vector<NodeRef>& calls() const { return post_order_; }

  /// One entry for each layer: its first call.
  std::vector<NodeRef> operations() const {
    std::vector<NodeRef> all;
    std::unordered_set<const void*> seen;
    for (const NodeRef& node : post_order_)
      if (seen.insert(layer_key(*node)).second) all.push_back(node);
    std::stable_sort(all.begin(), all.end(), [&](const NodeRef& a, const NodeRef& b) {
      const int da = depth_.at(layer_key(*a)), db = depth_.at(layer_key(*b));
      return da != db ? da > db : number_.at(layer_key(*a)) < number_.at(layer_key(*b));
    });
    return all;
  }

 private:
  struct Frame {
    NodeRef node;
    std::size_t next = 0;
  };

  void visit(const Symbol& output) {
    std::vector<Frame> stack;
    const auto enter = [&](const NodeRef& node) {
      if (!done_.insert(node.get()).second) return;
      number_.try_emplace(layer_key(*node), static_cast<int>(number_.size()));
      stack.push_back({node});
    };
    enter(output.node());
    while (!stack.empty()) {
      Frame& top = stack.back();
      const bool is_input = inputs_.contains(top.node.get());
      if (!is_input && !top.node->callee)
        throw Error("model", "Output with path `" + name_of(*output.node()) + "` is not connected to `inputs`: it depends on the input '" +
                                 top.node->input_name + "', which is not among the model's inputs");
      const Symbol* argument = is_input ? nullptr : argument_at(*top.node, top.next++);
      if (argument != nullptr) {
        if (argument->defined()) enter(argument->node());
      } else {
        post_order_.push_back(top.node);
        stack.pop_back();
      }
    }
  }

  void compute_depths() {
    std::unordered_map<const SymbolNode*, int> node_depth;
    for (auto it = post_order_.rbegin(); it != post_order_.rend(); ++it) {
      const SymbolNode& node = **it;
      int& depth = node_depth[&node];
      depth = std::max(depth, depth_[layer_key(node)]);
      depth_[layer_key(node)] = depth;
      if (inputs_.contains(&node)) continue;
      for (std::size_t i = 0; const Symbol* in = argument_at(node, i); ++i) {
        if (!in->defined()) continue;
        int& below = node_depth[in->node().get()];
        below = std::max(below, depth + 1);
      }
    }
  }

  std::unordered_set<const SymbolNode*> inputs_, done_;
  std::unordered_map<const void*, int> number_, depth_;
  std::vector<NodeRef> post_order_;
};
}  // namespace

ModelDefinition::ModelDefinition(const Symbols& inputs, const Symbols& outputs)
    : predictor(std::make_unique<Predictor>(*this)) {
  set_class_name("Functional");
  join_strategy();
  set_graph(inputs, outputs);
}

ModelDefinition::ModelDefinition(Layers sequence)
    : predictor(std::make_unique<Predictor>(*this)), sequential_(true), layers_(std::move(sequence)) {
  set_class_name("Sequential");
  join_strategy();
  check_names();
}

ModelDefinition::~ModelDefinition() = default;

void ModelDefinition::join_strategy() {
  const distribute::Strategy* strategy = distribute::current_strategy();
  if (strategy == nullptr) return;
  strategy_ = *strategy;
  if (strategy->num_replicas_in_sync() > 1) replicas_ = std::make_unique<distribute::Replicas>(*strategy);
}

bool ModelDefinition::predicts_on_replicas() const { return replicas_ && !strategy_->processes(); }

std::shared_ptr<Communicator> ModelDefinition::communicator() const {
  return replicas_ && strategy_->processes() ? strategy_->processes()->communicator() : nullptr;
}

UseGuard::UseGuard(State& state, Use use, const std::string& model) : state_(state) {
  const std::lock_guard lock(state_.mutex);
  const bool trained_here = state_.depth > 0 && state_.trainer == std::this_thread::get_id();
  if (state_.depth > 0 && !trained_here)
    throw Error("model '" + model + "'", "is being trained by another thread; use it when fit has returned, or give each thread a model");
  if (use == Use::training && state_.readers > 0)
    throw Error("model '" + model + "'", "cannot be trained while another thread predicts with it");
  by_trainer_ = trained_here || use == Use::training;
  if (by_trainer_) {
    state_.trainer = std::this_thread::get_id();
    ++state_.depth;
  } else {
    ++state_.readers;
  }
}

UseGuard::~UseGuard() {
  const std::lock_guard lock(state_.mutex);
  --(by_trainer_ ? state_.depth : state_.readers);
}

void ModelDefinition::check_names() const {
  std::map<std::string, int> count;
  if (sequential_) {
    for (const Layer& layer : layers_)
      if (!layer.name().empty() && ++count[layer.name()] > 1)
        throw Error("model", "All layers added to a Sequential model should have unique names. Name '" + layer.name() +
                                 "' is already the name of a layer in this model. Update the `name` argument to pass a unique name.");
    return;
  }
  for (const NodeRef& node : operations_)
    if (++count[name_of(*node)] > 1)
      throw Error("model", "The name \"" + name_of(*node) + "\" is used " + std::to_string(count[name_of(*node)]) +
                               " times in the model. All operation names should be unique.");
}

void ModelDefinition::set_graph(const Symbols& inputs, const Symbols& outputs) {
  if (inputs.empty()) throw Error("model", "expected at least one input; received none");
  if (outputs.empty()) throw Error("model", "expected at least one output; received none");
  for (const Symbol& s : inputs)
    if (!s.defined()) throw Error("model", "an input is an empty symbol");
  for (const Symbol& s : outputs)
    if (!s.defined()) throw Error("model", "an output is an empty symbol");
  const KerasOrder order(inputs, outputs);
  inputs_ = inputs;
  outputs_ = outputs;
  calls_ = order.calls();
  operations_ = order.operations();
  if (!sequential_) {
    layers_.clear();
    std::unordered_set<const SymbolNode*> given;  // what makes these is outside of the model
    for (const Symbol& s : inputs_) given.insert(s.node().get());
    for (const NodeRef& node : operations_)
      if (auto layer = std::dynamic_pointer_cast<layers::Base>(node->callee); layer && !given.contains(node.get()))
        layers_.emplace_back(std::move(layer));
  }
  check_names();
}

Device ModelDefinition::device() const {
  const Variables all = weights();
  return all.empty() ? current_device() : all[0].value().device();
}

void ModelDefinition::append(const Layer& layer) {
  if (layer.name().empty()) layer.base().set_name(unique_name(snake_case(layer.class_name())));
  layers_.push_back(layer);
  try {
    check_names();
    const auto* first = dynamic_cast<const ModelDefinition*>(&layer.base());
    const CallScope scope(name(), Mode::infer, trainable());  // as in start_from
    if (has_graph())
      set_graph(inputs_, layer.call_symbols(outputs_));
    else if (layers_.size() == 1 && first != nullptr && first->has_graph() && first->inputs().size() == 1)
      call_in_turn(input_symbol(unique_name("input_layer"), first->inputs()[0].shape(), first->inputs()[0].dtype()));
  } catch (...) {
    layers_.pop_back();
    throw;
  }
}

Layer ModelDefinition::remove_last() {
  const UseGuard guard(use, UseGuard::Use::training, name());
  if (layers_.empty()) throw Error("Sequential '" + name() + "'", "There are no layers in the model.");
  Layer last = layers_.back();
  layers_.pop_back();
  trainer = nullptr;
  predictor = std::make_unique<Predictor>(*this);
  if (has_graph()) set_graph(inputs_, outputs_[0].node()->inputs);
  return last;
}

// Keras builds the layers of a Sequential within the model's name: paths of weights begin with it.
void ModelDefinition::start_from(const Symbol& input) {
  const CallScope scope(name(), Mode::infer, trainable());
  call_in_turn(input);
}

void ModelDefinition::call_in_turn(const Symbol& input) {
  Symbols at{input};
  for (const Layer& layer : layers_) at = layer.call_symbols(at);
  set_graph({input}, at);
}

void ModelDefinition::build_inputs(const Shapes& shapes) {
  if (has_graph()) return;
  Shape open = shapes.at(0);
  if (open.rank() > 0) open[0] = open_dim;
  call_in_turn(input_symbol(unique_name("input_layer"), open, DType::f32));
}

void ModelDefinition::check_input_count(std::size_t count) const {
  const std::size_t wanted = has_graph() ? inputs_.size() : 1;
  if (count != wanted)
    fail_expected(describe(), std::to_string(wanted) + " input" + (wanted == 1 ? "" : "s"), std::to_string(count));
}

Values ModelDefinition::call_inputs(const Values& inputs, Mode mode) {
  std::unordered_map<const SymbolNode*, Values> at;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Values& slot = at[inputs_[i].node().get()];
    slot.resize(inputs_[i].node()->types.size());
    slot[static_cast<std::size_t>(inputs_[i].index())] = with_mask(cast(inputs[i], inputs_[i].dtype()), current_mask(i));
  }
  const auto value_of = [&](const Symbol& s) { return at.at(s.node().get())[static_cast<std::size_t>(s.index())]; };
  for (const NodeRef& node : calls_) {
    if (at.contains(node.get())) continue;
    Values in;
    for (const Symbol& s : node->inputs) in.push_back(value_of(s));
    for (std::size_t i = 0; i < node->masks.size(); ++i)
      if (node->masks[i].defined()) in[i] = with_mask(in[i], without_mask(value_of(node->masks[i])));
    at[node.get()] = node->callee->call_on(in, mode);
  }
  Values outputs;
  for (const Symbol& s : outputs_) outputs.push_back(value_of(s));
  return outputs;
}

std::vector<std::string> ModelDefinition::input_names() const {
  std::vector<std::string> names;
  for (const Symbol& s : inputs_) names.push_back(name_of(*s.node()));
  return names;
}

std::vector<std::string> ModelDefinition::output_layer_names() const {
  std::vector<std::string> names;
  for (const Symbol& s : outputs_) names.push_back(name_of(*s.node()));
  return names;
}

std::vector<std::string> ModelDefinition::output_names() const {
  std::vector<std::string> names;
  std::map<std::string, int> count;
  for (const std::string& name : output_layer_names()) {
    const int seen = count[name]++;
    names.push_back(seen == 0 ? name : name + "_" + std::to_string(seen));
  }
  return names;
}

}  // namespace strata
