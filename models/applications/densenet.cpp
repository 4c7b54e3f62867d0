#include <array>

#include "layers/activation_layers.h"
#include "layers/conv.h"
#include "layers/merging.h"
#include "layers/normalization.h"
#include "layers/padding.h"
#include "layers/pooling.h"
#include "models/applications/network.h"

namespace strata::applications {

namespace {

constexpr std::int64_t growth = 32;  // channels that each block adds

Symbol normalize_and_activate(const Symbol& x, const std::string& bn, const std::string& relu) {
  return layers::Activation(
      "relu", {.name = relu})(layers::BatchNormalization({.axis = 3, .epsilon = 1.001e-5, .name = bn})(x));
}

/// Appends to the channels what it makes of them.
Symbol block(const Symbol& input, const std::string& name) {
  Symbol x = normalize_and_activate(input, name + "_0_bn", name + "_0_relu");
  x = layers::Conv2D(4 * growth, 1, {.use_bias = false, .name = name + "_1_conv"})(x);
  x = normalize_and_activate(x, name + "_1_bn", name + "_1_relu");
  x = layers::Conv2D(growth, 3, {.padding = "same", .use_bias = false, .name = name + "_2_conv"})(x);
  return layers::Concatenate({.axis = 3, .name = name + "_concat"})({input, x});
}

/// Half the channels, half the size.
Symbol transition(const Symbol& input, const std::string& name) {
  const std::int64_t half = input.shape().back() / 2;
  Symbol x = normalize_and_activate(input, name + "_bn", name + "_relu");
  x = layers::Conv2D(half, 1, {.use_bias = false, .name = name + "_conv"})(x);
  return layers::AveragePooling2D(2, {.strides = 2, .name = name + "_pool"})(x);
}

/// `blocks`: their numbers in the four stacks.
Model make_densenet(const std::string& function, const std::string& name, const std::array<int, 4>& blocks,
                    const Options& options, const char* md5_with_top, const char* md5_without_top) {
  const Network network(function, options, {.usual = 224, .least = 32});
  Symbol x = layers::ZeroPadding2D({{3, 3}, {3, 3}})(network.input());
  x = layers::Conv2D(64, 7, {.strides = 2, .use_bias = false, .name = "conv1_conv"})(x);
  x = normalize_and_activate(x, "conv1_bn", "conv1_relu");
  x = layers::ZeroPadding2D({{1, 1}, {1, 1}})(x);
  x = layers::MaxPooling2D(3, {.strides = 2, .name = "pool1"})(x);
  for (std::size_t stack = 0; stack < blocks.size(); ++stack) {
    const std::string number = std::to_string(stack + 2);
    for (int b = 1; b <= blocks[stack]; ++b) x = block(x, "conv" + number + "_block" + std::to_string(b));
    if (stack + 1 < blocks.size()) x = transition(x, "pool" + number);
  }
  x = normalize_and_activate(x, "bn", "relu");
  return network.finish(network.usual_end(x, PoolNames::own), name,
                        usual_weights(options.include_top, "densenet", name, md5_with_top, md5_without_top));
}

}  // namespace

Model DenseNet121(const Options& o) {
  return make_densenet("DenseNet121", "densenet121", {6, 12, 24, 16}, o, "9d60b8095a5708f2dcce2bca79d332c7",
                       "30ee3e1110167f948a6b9946edeeb738");
}

Model DenseNet169(const Options& o) {
  return make_densenet("DenseNet169", "densenet169", {6, 12, 32, 32}, o, "d699b8f76981ab1b30698df4c175e90b",
                       "b8c4d4c20dd625c148057b9ff1c1176b");
}

Model DenseNet201(const Options& o) {
  return make_densenet("DenseNet201", "densenet201", {6, 12, 48, 32}, o, "1ceb130c1ea1b78c3bf6114dbdfd8807",
                       "c13680b51ded0fb44dff2d8f86ac8bb1");
}

}  // namespace strata::applications
