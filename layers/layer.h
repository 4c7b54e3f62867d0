#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "core/base/config.h"
#include "core/graph/symbol.h"
#include "layers/constraints.h"
#include "layers/dtype_policy.h"
#include "layers/initializers.h"
#include "layers/regularizers.h"

namespace strata {

class Layer;
using Layers = std::vector<Layer>;

namespace layers {

/// What holds for one weight.
struct WeightOptions {
  bool trainable = true;
  Regularizer regularizer = {};
  Constraint constraint = {};
  std::optional<DType> dtype = {};  ///< none: what the layer's dtype policy says
};

/// What a layer is: weights made once the input shapes are known, a call that emits graph, and a config that remakes
/// it. No device, no backward, no clone: those belong to others. Layers with one input and one output derive from
/// Definition below, which is simpler.
class STRATA_API Base : public Callable, public std::enable_shared_from_this<Base> {
 public:
  ~Base() override;

  /// Makes the weights. `inputs` may have open dimensions (open_dim). Errors name the layer.
  virtual void build_inputs(const Shapes& inputs);
  /// Emits the graph of one call.
  virtual Values call_inputs(const Values& inputs, Mode mode) = 0;
  /// The constructor's arguments in Keras's names and order, without the name.
  virtual Config config() const;
  /// Layers inside this one, in the order of Keras's weights.
  virtual Layers sublayers() const;
  /// Whether the layer may be called on a list of `count` inputs; error naming the layer if not.
  virtual void check_input_count(std::size_t count) const;
  /// Whether the layer may be called on these shapes (open dimensions are open_dim), asked before it is built (ranks)
  /// and at each call after that (sizes that the weights fix, too); error naming the layer if not.
  virtual void check_inputs(const Shapes& inputs) const;
  /// What becomes of masks. A layer that supports them passes the first input's mask on to its first output; one that
  /// does not drops them with a warning. In its call it reads them with current_mask() and may hang one of its own onto
  /// an output, using with_mask(); that one stays, whatever else is said here.
  virtual bool supports_masking() const { return false; }
  /// Masks of the outputs, for layers that support masking and do not just pass one on: one for each output or fewer,
  /// empty ones where there is none. `masks` are those of the inputs, at least one of them not empty.
  virtual Values compute_mask(const Values& inputs, const Values& masks) const;
  /// Whether the layer computes in f32 at least, even where its policy has 16 bits: statistics need it.
  virtual bool computes_wide() const { return false; }
  /// Whether inputs of floating types are cast to the type that the layer computes in.
  virtual bool casts_inputs() const { return true; }
  /// What a file says of every layer: name, trainable, dtype.
  virtual Config common_config() const;

  std::string name() const override { return name_; }
  void set_name(std::string name);
  std::string class_name() const override { return class_name_; }
  /// Set by the factory, before the first call: Keras's class name.
  void set_class_name(std::string class_name) { class_name_ = std::move(class_name); }
  bool built() const { return built_; }
  bool trainable() const { return trainable_; }
  /// Reaches the layers inside, too.
  void set_trainable(bool trainable);
  /// The global one when the layer was made, unless it was set. Error when set after the weights were made.
  const DTypePolicy& dtype_policy() const { return dtype_policy_; }
  void set_dtype_policy(const DTypePolicy&);
  /// Own weights in the order they were made, whether frozen or not.
  const Variables& own_weights() const { return weights_; }
  /// Variables that are not weights (random state): not saved, not counted.
  const Variables& own_state() const { return state_; }
  /// Keras's order: trainable ones of this layer and those inside, then the others. Empty while the layer is frozen.
  Variables trainable_weights() const;
  Variables non_trainable_weights() const;
  Variables weights() const;
  std::int64_t count_params() const;

  void ensure_built(const Shapes& inputs) final;
  /// Builds if needed, opens the call's scope, checks, emits, hangs regularizers and updates onto the outputs. Errors
  /// raised inside come out with the layer's name.
  Values call_on(const Values& inputs, Mode mode) final;

 protected:
  /// A weight of this layer, filled by `initializer`. Within build only.
  Variable add_weight(const std::string& name, const Shape& shape, const Initializer& initializer,
                      const WeightOptions& options = {});
  /// Counts a weight of a layer inside as this one's own, too, where Keras does: it is listed once, in the place of the
  /// own ones, and files hold it twice. Within build only.
  void adopt_weight(const Variable& weight);
  /// The state of a random stream, i64[2] = (seed, step); `seed` < 0 draws one from the process seed. A layer that
  /// draws passes the state to a random op and adds the update advance(state).
  Variable add_seed_state(std::int64_t seed);
  /// A penalty on each output of each call, divided by the batch size.
  void set_activity_regularizer(Regularizer r) { activity_regularizer_ = std::move(r); }
  /// "Dense 'head/dense'", for errors.
  std::string describe() const;
  /// Of this layer alone, for models read from files, where each layer inside says so itself.
  void set_own_trainable(bool trainable) { trainable_ = trainable; }

 private:
  friend class strata::Layer;
  void require_name();
  std::optional<DType> compute_dtype() const;
  /// Those of a layer inside, without the adopted ones.
  void append_inner(Variables& to, const Variables& inner) const;
  /// Outputs with their losses, effects and masks hung on.
  Values finish_call(Values outputs, const Values& inputs, const Values& masks, CallScope& scope);
  Values masks_after(const Values& outputs, const Values& inputs, const Values& masks);
  std::string name_, class_name_ = "Layer";
  bool built_ = false, trainable_ = true, warned_of_mask_ = false;
  DTypePolicy dtype_policy_ = mixed_precision::global_policy();
  Variables weights_, state_;
  std::vector<Regularizer> regularizers_;  // one for each weight
  Regularizer activity_regularizer_;
  std::weak_ptr<const SymbolNode> first_call_;  // weak: the node owns this layer
};

/// Registers the next step of a seed state with the layer being called.
STRATA_API void advance_seed(const Variable& state);

/// A layer of one input and one output: override build, call and config.
class STRATA_API Definition : public Base {
 public:
  virtual void build(const Shape& input);
  virtual Value call(Value x, Mode mode) = 0;
  void build_inputs(const Shapes& inputs) override { build(inputs.at(0)); }
  Values call_inputs(const Values& inputs, Mode mode) override { return {call(inputs.at(0), mode)}; }
  void check_input_count(std::size_t count) const override;
};

/// What every layer takes beside its own arguments; each layer's options end with these two.
///   std::string name;         empty: Keras's automatic name (`dense`, `dense_1`, ...)
///   bool trainable = true;
struct LayerArguments {
  std::string name;
  bool trainable = true;
};

}  // namespace layers

/// A handle on a layer: copies are the same layer, and calling it twice shares its weights.
class STRATA_API Layer {
 public:
  Layer() = default;
  explicit Layer(std::shared_ptr<layers::Base> base) : base_(std::move(base)) {}

  /// Calls on symbols build models; calls on values emit graph (the mode defaults to inference).
  Symbol operator()(const Symbol& x) const;
  Symbol operator()(const Symbols& xs) const;
  Value operator()(const Value& x, Mode mode = Mode::infer) const;
  Values operator()(const Values& xs, Mode mode = Mode::infer) const;
  /// All outputs of a layer that has several.
  Symbols call_symbols(const Symbols& xs) const { return call_symbols(xs, {}); }
  /// The same with a mask of bools for each input, in the place of the ones that come with the inputs.
  Symbols call_symbols(const Symbols& xs, const Symbols& masks) const;

  bool defined() const { return base_ != nullptr; }
  std::string name() const { return base().name(); }
  std::string class_name() const { return base().class_name(); }
  bool trainable() const { return base().trainable(); }
  void set_trainable(bool t) const { base().set_trainable(t); }
  Variables weights() const { return base().weights(); }
  Variables trainable_weights() const { return base().trainable_weights(); }
  Variables non_trainable_weights() const { return base().non_trainable_weights(); }
  std::int64_t count_params() const { return base().count_params(); }
  Config config() const { return base().config(); }
  /// Returns the layer, so that a policy can be given where it is made: `Dense(10).with_dtype("float32")`.
  const Layer& with_dtype(const DTypePolicy& policy) const;
  const DTypePolicy& dtype_policy() const { return base().dtype_policy(); }
  /// Copies, in the order of weights(); set_weights checks number and shapes before it changes anything, and converts
  /// element types.
  Tensors get_weights() const;
  void set_weights(const Tensors&) const;
  /// Output of the layer's first call on symbols. Error when it was never called.
  Symbol output() const;

  layers::Base& base() const;
  const std::shared_ptr<layers::Base>& shared() const { return base_; }
  friend bool operator==(const Layer& a, const Layer& b) { return a.base_ == b.base_; }

 private:
  std::shared_ptr<layers::Base> base_;
};

namespace layers {
/// The name that register_layer gave to a class, else its C++ name without namespaces.
STRATA_API std::string class_name_of(const std::type_info&);

/// A handle on a new layer of a class of one's own: `layers::make<Linear>(16)`.
template <class T, class... A>
Layer make(A&&... arguments) {
  auto base = std::make_shared<T>(std::forward<A>(arguments)...);
  base->set_class_name(class_name_of(typeid(T)));
  return Layer(std::move(base));
}

/// A handle on a built-in layer: class name, then name and trainable flag as given.
template <class T, class... A>
Layer make_named(std::string class_name, const std::string& name, bool trainable, A&&... arguments) {
  auto base = std::make_shared<T>(std::forward<A>(arguments)...);
  base->set_class_name(std::move(class_name));
  if (!name.empty()) base->set_name(name);
  base->set_trainable(trainable);
  return Layer(std::move(base));
}
}  // namespace layers

}  // namespace strata
