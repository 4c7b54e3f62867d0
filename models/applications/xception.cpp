#include "layers/activation_layers.h"
#include "layers/conv.h"
#include "layers/depthwise_conv.h"
#include "layers/merging.h"
#include "layers/normalization.h"
#include "layers/pooling.h"
#include "models/applications/network.h"

namespace strata::applications {

namespace {

Symbol relu(const Symbol& x, const std::string& name) { return layers::Activation("relu", {.name = name})(x); }

/// A separable convolution and its normalization.
Symbol separable(const Symbol& x, std::int64_t filters, const std::string& name) {
  const Symbol y = layers::SeparableConv2D(filters, 3, {.padding = "same", .use_bias = false, .name = name})(x);
  return layers::BatchNormalization({.name = name + "_bn"})(y);
}

/// What goes past a block that halves the size.
Symbol shortcut(const Symbol& x, std::int64_t filters) {
  const Symbol y = layers::Conv2D(filters, 1, {.strides = 2, .padding = "same", .use_bias = false})(x);
  return layers::BatchNormalization()(y);
}

/// Two separable convolutions to half the size, beside the shortcut. The block after the entry has its ReLU before.
Symbol reducing_block(Symbol x, const std::string& name, std::int64_t first, std::int64_t second,
                      bool leading_relu = true) {
  const Symbol past = shortcut(x, second);
  if (leading_relu) x = relu(x, name + "_sepconv1_act");
  x = separable(x, first, name + "_sepconv1");
  x = relu(x, name + "_sepconv2_act");
  x = separable(x, second, name + "_sepconv2");
  x = layers::MaxPooling2D(3, {.strides = 2, .padding = "same", .name = name + "_pool"})(x);
  return layers::Add()({x, past});
}

Symbol middle_block(const Symbol& input, const std::string& name) {
  Symbol x = input;
  for (const std::string part : {"_sepconv1", "_sepconv2", "_sepconv3"})
    x = separable(relu(x, name + part + "_act"), 728, name + part);
  return layers::Add()({x, input});
}

Symbol entry(Symbol x) {
  x = layers::Conv2D(32, 3, {.strides = 2, .use_bias = false, .name = "block1_conv1"})(x);
  x = layers::BatchNormalization({.name = "block1_conv1_bn"})(x);
  x = relu(x, "block1_conv1_act");
  x = layers::Conv2D(64, 3, {.use_bias = false, .name = "block1_conv2"})(x);
  x = layers::BatchNormalization({.name = "block1_conv2_bn"})(x);
  return relu(x, "block1_conv2_act");
}

}  // namespace

Model Xception(const Options& options) {
  const Network network("Xception", options, {.usual = 299, .least = 71});
  Symbol x = entry(network.input());
  x = reducing_block(x, "block2", 128, 128, false);
  x = reducing_block(x, "block3", 256, 256);
  x = reducing_block(x, "block4", 728, 728);
  for (int block = 5; block <= 12; ++block) x = middle_block(x, "block" + std::to_string(block));
  x = reducing_block(x, "block13", 728, 1024);
  x = relu(separable(x, 1536, "block14_sepconv1"), "block14_sepconv1_act");
  x = relu(separable(x, 2048, "block14_sepconv2"), "block14_sepconv2_act");
  return network.finish(network.usual_end(x), "xception",
                        usual_weights(options.include_top, "xception", "xception", "0a58e3b7378bc2990ea3b43d5981f1f6",
                                      "b0042744bf5b25fce3cb969f33bebb97"));
}

}  // namespace strata::applications
