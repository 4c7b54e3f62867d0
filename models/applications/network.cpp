#include "models/applications/network.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/base/error.h"
#include "layers/dense.h"
#include "layers/input.h"
#include "layers/pooling.h"

namespace strata::applications {

namespace {
std::string quoted(const std::string& text) { return "\"" + text + "\""; }

/// The inputs that a symbol depends on, each once, in the order in which they are met.
Symbols source_inputs(const Symbol& of) {
  Symbols sources, waiting{of};
  std::set<const SymbolNode*> seen;
  while (!waiting.empty()) {
    const Symbol next = waiting.back();
    waiting.pop_back();
    if (!seen.insert(next.node().get()).second) continue;
    if (next.node()->callee == nullptr) sources.push_back(next);
    waiting.insert(waiting.end(), next.node()->inputs.rbegin(), next.node()->inputs.rend());
  }
  return sources;
}
}  // namespace

Network::Network(const std::string& function, const Options& options, ImageSizes sizes)
    : function_("applications::" + function), o_(options) {
  check_weights();
  check_top();
  const Shape shape = checked_input_shape(sizes);
  input_ = o_.input_tensor.defined() ? o_.input_tensor : layers::Input(shape);
  if (!o_.weights.empty()) replaced_by_the_file_.emplace();
}

void Network::fail(const std::string& message) const { throw Error(function_, message); }

void Network::check_weights() const {
  std::error_code ignored;
  if (!o_.weights.empty() && !pretrained() && !std::filesystem::exists(o_.weights, ignored))
    fail(
        "The `weights` argument should be either \"\" (random initialization), \"imagenet\" (pre-training on "
        "ImageNet), or "
        "the path to the weights file to be loaded. Received: weights=" +
        o_.weights);
  if (pretrained() && o_.include_top && o_.classes != 1000)
    fail("If using `weights=\"imagenet\"` with `include_top=true`, `classes` should be 1000. Received: classes=" +
         std::to_string(o_.classes));
}

void Network::check_top() const {
  const Activation& activation = o_.classifier_activation;
  const bool usual = activation.is_linear() || activation.name() == "softmax";
  if (!o_.include_top) {
    if (!o_.pooling.empty() && o_.pooling != "avg" && o_.pooling != "max")
      fail("expected pooling \"avg\", \"max\" or \"\"; received " + quoted(o_.pooling));
    if (o_.classes != 1000 || activation.name() != "softmax")
      fail("`classes` and `classifier_activation` belong to the top, and `include_top` is false");
    return;
  }
  if (!o_.pooling.empty())
    fail("`pooling` is for `include_top = false`: the top has its own. Received: pooling=" + quoted(o_.pooling));
  if (o_.classes < 1) fail("expected at least one class; received classes=" + std::to_string(o_.classes));
  if (!o_.weights.empty() && !usual)
    fail(
        "Only \"linear\" and \"softmax\" activations are allowed for the `classifier_activation` argument when using "
        "pretrained weights, with `include_top=true`; Received: classifier_activation=" +
        activation.name());
}

Shape Network::checked_input_shape(ImageSizes sizes) const {
  const Shape usual{sizes.usual, sizes.usual, 3};
  Shape shape = o_.input_shape;
  if (o_.input_tensor.defined()) {
    const Shape& whole = o_.input_tensor.shape();
    if (whole.rank() != 4)
      fail("expected an input_tensor of shape [batch, height, width, channels]; received " + to_string(whole));
    if (!shape.empty() && shape != whole.slice(1, 4))
      fail("`input_shape` and `input_tensor` differ. Received: input_shape=" + to_keras_string(shape) +
           ", input_tensor of shape " + to_keras_string(whole));
    check_sizes(whole.slice(1, 4), sizes.least);
    return whole.slice(1, 4);
  }
  if (shape.empty()) return o_.include_top ? usual : Shape{open_dim, open_dim, 3};
  if (pretrained() && o_.include_top && shape != usual)
    fail("When setting `include_top=true` and loading `imagenet` weights, `input_shape` should be " +
         to_keras_string(usual) + ". Received: input_shape=" + to_keras_string(shape));
  if (shape.rank() != 3)
    fail("`input_shape` must be a tuple of three integers. Received: input_shape=" + to_keras_string(shape));
  check_sizes(shape, sizes.least);
  if (o_.include_top && shape.has_open_dim())
    fail("If `include_top` is true, you should specify a static `input_shape`. Received: input_shape=" +
         to_keras_string(shape));
  return shape;
}

void Network::check_sizes(const Shape& shape, std::int64_t least) const {
  const std::string received = "; Received: input_shape=" + to_keras_string(shape);
  if (pretrained() && shape[2] != 3) fail("The input must have 3 channels" + received);
  if (shape[2] < 1) fail("The input must have a known number of channels" + received);
  for (const std::int64_t size : {shape[0], shape[1]})
    if (size != open_dim && size < least)
      fail("Input size must be at least " + std::to_string(least) + "x" + std::to_string(least) + received);
}

Symbol Network::classify(const Symbol& x, const Initializer& kernel_initializer) const {
  return layers::Dense(
      o_.classes,
      {.activation = o_.classifier_activation, .kernel_initializer = kernel_initializer, .name = "predictions"})(x);
}

Symbol Network::pool(const Symbol& x, PoolNames names) const {
  const bool own = names == PoolNames::own;
  if (o_.pooling == "avg") return layers::GlobalAveragePooling2D({.name = own ? "avg_pool" : ""})(x);
  if (o_.pooling == "max") return layers::GlobalMaxPooling2D({.name = own ? "max_pool" : ""})(x);
  return x;
}

Symbol Network::usual_end(const Symbol& x, PoolNames names) const {
  return o_.include_top ? classify(layers::GlobalAveragePooling2D({.name = "avg_pool"})(x)) : pool(x, names);
}

Model Network::finish(const Symbol& output, const std::string& name, const PublishedWeights& published) const {
  Model model(source_inputs(input_), {output}, o_.name.empty() ? name : o_.name);
  if (pretrained())
    load_published(model, published, function_);
  else if (!o_.weights.empty())
    model.load_weights(o_.weights);
  return model;
}

}  // namespace strata::applications
