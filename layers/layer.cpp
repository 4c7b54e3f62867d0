#include "layers/layer.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "core/graph/names.h"
#include "core/ops/fill.h"
#include "core/ops/ops.h"
#include "layers/initial_values.h"

namespace strata {

namespace layers {

namespace {
thread_local bool without_initial_values = false;
}  // namespace

WithoutInitialValues::WithoutInitialValues() : outer_(std::exchange(without_initial_values, true)) {}
WithoutInitialValues::~WithoutInitialValues() { without_initial_values = outer_; }
bool WithoutInitialValues::active() { return without_initial_values; }

Base::~Base() = default;
void Base::build_inputs(const Shapes&) {}
Config Base::config() const { return {}; }
Layers Base::sublayers() const { return {}; }
void Base::check_input_count(std::size_t) const {}
void Base::check_inputs(const Shapes&) const {}
Values Base::compute_mask(const Values&, const Values& masks) const { return {masks[0]}; }

Config Base::common_config() const {
  return {{"name", name_}, {"trainable", trainable_}, {"dtype", to_config(dtype_policy_)}};
}

void Base::set_dtype_policy(const DTypePolicy& policy) {
  if (built_ && !(policy == dtype_policy_))
    throw Error(describe(), "has weights of the dtype policy '" + dtype_policy_.name() + "' already; set '" +
                                policy.name() + "' before the first call");
  dtype_policy_ = policy;
}

std::string Base::describe() const {
  const std::string path = current_layer_path();
  return class_name_ + " '" + (path.ends_with(name_) && !path.empty() ? path : name_) + "'";
}

void Base::set_name(std::string name) {
  if (name.find('/') != std::string::npos)
    throw Error(class_name_ + " '" + name + "'", "a layer's name cannot contain '/'");
  name_ = std::move(name);
}

void Base::require_name() {
  if (name_.empty()) name_ = unique_name(snake_case(class_name_));
}

void Base::set_trainable(bool trainable) {
  trainable_ = trainable;
  for (const Layer& layer : sublayers()) layer.set_trainable(trainable);
}

void Base::append_inner(Variables& to, const Variables& inner) const {
  std::copy_if(inner.begin(), inner.end(), std::back_inserter(to), [&](const Variable& v) {
    return std::find(weights_.begin(), weights_.end(), v) == weights_.end();
  });
}

Variables Base::trainable_weights() const {
  Variables all;
  if (!trainable_) return all;
  for (const Variable& v : weights_)
    if (v.trainable()) all.push_back(v);
  for (const Layer& layer : sublayers()) append_inner(all, layer.trainable_weights());
  return all;
}

Variables Base::non_trainable_weights() const {
  if (!trainable_) return weights();
  Variables all;
  for (const Variable& v : weights_)
    if (!v.trainable()) all.push_back(v);
  for (const Layer& layer : sublayers()) append_inner(all, layer.non_trainable_weights());
  return all;
}

Variables Base::weights() const {
  Variables all;
  for (const Variable& v : weights_)
    if (v.trainable()) all.push_back(v);
  for (const Variable& v : weights_)
    if (!v.trainable()) all.push_back(v);
  for (const Layer& layer : sublayers()) append_inner(all, layer.weights());
  return all;
}

std::int64_t Base::count_params() const {
  std::int64_t total = 0;
  for (const Variable& v : weights()) total += v.shape().elements();
  return total;
}

namespace {
/// Drawn on the processor, so that a model starts with the same weights on every device.
Tensor initial_value(const Shape& shape, DType dtype, const Initializer& initializer) {
  const DeviceScope processor(Device{});
  return WithoutInitialValues::active() ? full(shape, 0, dtype) : initializer(shape, dtype);
}
}  // namespace

Variable Base::add_weight(const std::string& name, const Shape& shape, const Initializer& initializer,
                          const WeightOptions& options) {
  if (shape.has_open_dim())
    fail_expected(describe() + " weight '" + name + "'", "a known size in every dimension", to_string(shape));
  const DType dtype = options.dtype.value_or(dtype_policy_.variable_dtype());
  Variable v(name, initial_value(shape, dtype, initializer), options.trainable);
  v.set_path(current_layer_path() + "/" + name);
  if (options.constraint) v.set_constraint(options.constraint.projection());
  weights_.push_back(v);
  regularizers_.push_back(options.regularizer);
  return v;
}

void Base::adopt_weight(const Variable& weight) {
  weights_.push_back(weight);
  regularizers_.emplace_back();  // that of the layer inside, which hangs it on itself
}

Variable Base::add_seed_state(std::int64_t seed) {
  const auto drawn = seed >= 0 ? seed : static_cast<std::int64_t>(random::next_process_seed() & 0x7fffffffu);
  Variable v("seed_generator_state", Tensor::from<std::int64_t>({2}, {drawn, 0}), false);
  state_.push_back(v);
  return v;
}

void advance_seed(const Variable& state) {
  add_update(state, pending(state) + constant(Tensor::from<std::int64_t>({2}, {0, 1})));
}

void Base::ensure_built(const Shapes& inputs) {
  require_name();
  check_input_count(inputs.size());
  const CallScope scope(name_, Mode::infer, trainable_);
  check_inputs(inputs);
  if (built_) return;
  try {
    build_inputs(inputs);
  } catch (...) {  // a later call starts from nothing
    weights_.clear();
    regularizers_.clear();
    state_.clear();
    throw;
  }
  built_ = true;
}

std::optional<DType> Base::compute_dtype() const {
  const DType policy = dtype_policy_.compute_dtype();
  if (!casts_inputs() || !is_floating(policy)) return std::nullopt;
  return computes_wide() ? promote(policy, DType::f32) : policy;
}

Values Base::call_on(const Values& inputs, Mode mode) {
  require_name();
  check_input_count(inputs.size());
  Shapes shapes;
  for (const Value& v : inputs) shapes.push_back(v.shape());
  ensure_built(shapes);
  const std::optional<DType> compute = compute_dtype();
  CallScope scope(name_, mode, trainable_, compute);
  Values bare, masks;
  for (const Value& v : inputs) {
    masks.push_back(mask_of(v));
    bare.push_back(without_mask(v));
    if (compute && is_floating(v.dtype())) bare.back() = cast(bare.back(), *compute);
  }
  scope.set_masks(masks);
  return finish_call(call_inputs(bare, mode), bare, masks, scope);
}

Values Base::finish_call(Values outputs, const Values& inputs, const Values& masks, CallScope& scope) {
  const Values output_masks = masks_after(outputs, inputs, masks);
  for (Value& y : outputs) {
    y = without_mask(y);
    if (computes_wide() && is_floating(y.dtype())) y = cast(y, dtype_policy_.compute_dtype());
  }
  for (std::size_t i = 0; i < weights_.size(); ++i)
    if (regularizers_[i]) add_loss(regularizers_[i](stored(weights_[i])), weights_[i].id());
  if (activity_regularizer_)
    for (const Value& y : outputs)
      add_loss(activity_regularizer_(y) / static_cast<double>(y.shape().rank() == 0 ? 1 : y.shape()[0]));
  outputs = scope.attach(std::move(outputs));
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (output_masks[i]) outputs[i] = with_mask(outputs[i], output_masks[i]);
  return outputs;
}

Values Base::masks_after(const Values& outputs, const Values& inputs, const Values& masks) {
  Values after;
  for (const Value& y : outputs) after.push_back(mask_of(y));
  const auto given = [](const Value& mask) { return static_cast<bool>(mask); };
  const bool all_said = std::all_of(after.begin(), after.end(), given);
  if (all_said || std::none_of(masks.begin(), masks.end(), given)) return after;
  if (supports_masking()) {
    const Values computed = compute_mask(inputs, masks);
    for (std::size_t i = 0; i < std::min(after.size(), computed.size()); ++i)
      if (!after[i]) after[i] = computed[i];
  } else if (!std::exchange(warned_of_mask_, true)) {
    std::fprintf(stderr, "strata: warning: Layer '%s' (of type %s) was passed an input with a mask attached to it. However, this layer "
                 "does not support masking and will therefore destroy the mask information. Downstream layers will not see the mask.\n",
                 name_.c_str(), class_name_.c_str());
  }
  return after;
}

void Definition::build(const Shape&) {}

void Definition::check_input_count(std::size_t count) const {
  if (count != 1) fail_expected(describe(), "one input", std::to_string(count) + " inputs");
}

}  // namespace layers

layers::Base& Layer::base() const {
  if (!base_) throw Error("layer", "is an empty handle: it stands for no layer");
  return *base_;
}

const Layer& Layer::with_dtype(const DTypePolicy& policy) const {
  base().set_dtype_policy(policy);
  return *this;
}

Symbols Layer::call_symbols(const Symbols& xs, const Symbols& masks) const {
  layers::Base& layer = base();
  const Symbols out = strata::call_symbols(base_, xs, masks);
  if (layer.first_call_.expired() && !out.empty()) layer.first_call_ = out[0].node();
  return out;
}

Symbol Layer::output() const {
  const auto node = base().first_call_.lock();
  if (!node) throw Error(class_name() + " '" + name() + "'", "has no output yet: it was never called on a symbol");
  return Symbol(node, 0);
}

Symbol Layer::operator()(const Symbols& xs) const {
  const Symbols out = call_symbols(xs);
  if (out.size() != 1)
    fail_expected(class_name() + " '" + name() + "'", "one output (call_symbols gives all)",
                  std::to_string(out.size()));
  return out[0];
}

Symbol Layer::operator()(const Symbol& x) const { return (*this)(Symbols{x}); }
Values Layer::operator()(const Values& xs, Mode mode) const { return base().call_on(xs, mode); }

Value Layer::operator()(const Value& x, Mode mode) const {
  const Values out = base().call_on({x}, mode);
  if (out.size() != 1)
    fail_expected(class_name() + " '" + name() + "'", "one output", std::to_string(out.size()) + " outputs");
  return out[0];
}

Tensors Layer::get_weights() const {
  Tensors values;
  for (const Variable& v : weights())
    values.push_back(v.value().device().kind == DeviceKind::gpu ? v.value().on_host() : v.value().clone());
  return values;
}

void Layer::set_weights(const Tensors& values) const {
  const Variables all = weights();
  const std::string where = class_name() + " '" + name() + "'";
  if (all.size() != values.size())
    throw Error(where, "You called `set_weights(weights)` on layer '" + name() + "' with a weight list of length " +
                           std::to_string(values.size()) + ", but the layer was expecting " + std::to_string(all.size()) + " weights.");
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!values[i].defined()) throw Error(where, "the weight for '" + all[i].path() + "' is an empty tensor");
    if (all[i].shape() != values[i].shape())
      throw Error(where, "Layer " + name() + " weight shape " + to_keras_string(all[i].shape()) + " of '" + all[i].path() +
                             "' is not compatible with provided weight shape " + to_keras_string(values[i].shape()) + ".");
  }
  for (std::size_t i = 0; i < all.size(); ++i) all[i].assign(cast(values[i], all[i].dtype()));
}

}  // namespace strata
