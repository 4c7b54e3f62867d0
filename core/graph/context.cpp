#include "core/graph/context.h"

#include <algorithm>
#include <unordered_set>

#include "core/graph/apply.h"
#include "core/graph/gradients.h"

namespace strata {

namespace {
thread_local CallScope* innermost = nullptr;
thread_local const Origin* origin_override = nullptr;
}  // namespace

struct ContextAccess {
  static const std::string& path(const CallScope& s) { return s.path_; }
  static Mode mode(const CallScope& s) { return s.mode_; }
  static bool trainable(const CallScope& s) { return s.trainable_; }
  static std::optional<DType> compute(const CallScope& s) { return s.compute_; }
  static const Values& masks(const CallScope& s) { return s.masks_; }
  static int next_call(CallScope& s, const void* layer) {
    CallScope* root = &s;
    while (root->parent_) root = root->parent_;
    return root->calls_[layer]++;
  }
  static Effects& effects(CallScope& s) {
    if (!s.effects_) s.effects_ = std::make_shared<Effects>();
    return *s.effects_;
  }
};

CallScope::CallScope(const std::string& layer_name, Mode mode, bool trainable, std::optional<DType> compute)
    : parent_(innermost),
      path_(parent_ && !parent_->path_.empty() && !layer_name.empty() ? parent_->path_ + "/" + layer_name
            : parent_ && layer_name.empty()                            ? parent_->path_
                                                                       : layer_name),
      mode_(mode),
      trainable_(trainable && (!parent_ || parent_->trainable_)),
      compute_(compute) {
  innermost = this;
}

CallScope::~CallScope() { innermost = parent_; }

Values CallScope::attach(Values outputs) {
  if (!effects_) return outputs;
  for (Value& v : outputs) v = Node::make(WithEffects{effects_}, {v})->output();
  effects_ = nullptr;
  return outputs;
}

OriginScope::OriginScope(Origin origin) : origin_(std::move(origin)), outer_(origin_override) { origin_override = &origin_; }
OriginScope::~OriginScope() { origin_override = outer_; }

std::string current_layer_path() { return innermost ? ContextAccess::path(*innermost) : std::string(); }
Mode current_mode() { return innermost ? ContextAccess::mode(*innermost) : Mode::infer; }
bool current_trainable() { return !innermost || ContextAccess::trainable(*innermost); }
std::optional<DType> current_compute_dtype() { return innermost ? ContextAccess::compute(*innermost) : std::nullopt; }

Value current_mask(std::size_t input) {
  if (!innermost || input >= ContextAccess::masks(*innermost).size()) return {};
  return ContextAccess::masks(*innermost)[input];
}

Origin current_origin() {
  if (origin_override) return *origin_override;
  return {current_layer_path(), false};
}

int next_call_index(const void* layer) {
  if (!innermost) throw Error("next_call_index", "is only possible while a layer is called");
  return ContextAccess::next_call(*innermost, layer);
}

void add_update(const Variable& variable, const Value& value) {
  if (!innermost) throw Error("add_update", "is only possible while a layer is called");
  const bool both_floating = is_floating(value.dtype()) && is_floating(variable.dtype());
  if (value.shape() != variable.shape() || (value.dtype() != variable.dtype() && !both_floating))
    fail_expected("update of '" + variable.path() + "'", to_string(variable.value().type()), to_string(value.type()));
  ContextAccess::effects(*innermost).updates.push_back({variable, cast(value, variable.dtype())});
}

void add_loss(const Value& loss, const void* key) {
  if (!innermost) throw Error("add_loss", "is only possible while a layer is called");
  if (loss.shape().rank() != 0)
    fail_expected("add_loss in '" + current_layer_path() + "'", "a scalar", to_string(loss.type()));
  ContextAccess::effects(*innermost).losses.push_back({loss, key});
}

namespace {
void check_mask(const Value& x, const Value& mask) {
  const int rank = mask.shape().rank();
  bool fits = mask.dtype() == DType::boolean && rank <= x.shape().rank();
  for (int axis = 0; fits && axis < rank; ++axis)
    fits = mask.shape()[axis] == x.shape()[axis] || mask.shape()[axis] == 1;
  if (!fits)
    fail_expected("mask in '" + current_layer_path() + "'", "bools in the shape of the first axes of " + to_string(x.type()),
                  to_string(mask.type()));
}
}  // namespace

Value with_mask(const Value& x, const Value& mask) {
  const Node& node = *x.node();
  Value bare = x;
  if (node.op().as<WithMask>()) {
    bare = node.input(0);
  } else if (const auto* hung = node.op().as<WithEffects>(); hung && mask_of(x)) {
    bare = Node::make(WithEffects{hung->effects}, {without_mask(node.input(0))})->output();
  }
  if (!mask) return bare;
  check_mask(bare, mask);
  return Node::make(WithMask{}, {bare, mask})->output();
}

Value mask_of(const Value& x) {
  const Node* node = x.node().get();
  while (node->op().as<WithEffects>()) node = node->input(0).node().get();
  return node->op().as<WithMask>() ? node->input(1) : Value();
}

Effects collect_effects(const Values& values) {
  Effects all;
  std::unordered_set<const Effects*> seen;
  std::unordered_set<const void*> keys;
  Values frontier = values;
  // Effects may hang on values that only other effects use, so the walk goes on until nothing new appears.
  while (!frontier.empty()) {
    Values behind;
    for (const NodePtr& node : topological_order(frontier)) {
      const auto* hung = node->op().as<WithEffects>();
      if (!hung || !seen.insert(hung->effects.get()).second) continue;
      for (const Update& u : hung->effects->updates) {
        all.updates.push_back(u);
        behind.push_back(u.value);
      }
      for (const Effects::Loss& l : hung->effects->losses) {
        if (l.key != nullptr && !keys.insert(l.key).second) continue;
        all.losses.push_back(l);
        behind.push_back(l.value);
      }
    }
    frontier = std::move(behind);
  }
  return all;
}

}  // namespace strata
