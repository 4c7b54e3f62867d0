#include <array>
#include <cmath>

#include "layers/activation_layers.h"
#include "layers/conv.h"
#include "layers/depthwise_conv.h"
#include "layers/merging.h"
#include "layers/normalization.h"
#include "layers/padding.h"
#include "layers/pooling.h"
#include "models/applications/mobilenet_sizes.h"
#include "models/applications/network.h"
#include "models/applications/scaled_networks.h"

namespace strata::applications {

namespace {

constexpr std::array<std::int64_t, 5> trained_sizes{96, 128, 160, 192, 224};

/// Blocks of one size: the channels that they end with, how many there are, and the stride of the first.
struct Stage {
  std::int64_t filters;
  int blocks;
  std::int64_t stride;
};
constexpr std::array<Stage, 7> stages{
    {{16, 1, 1}, {24, 2, 2}, {32, 3, 2}, {64, 4, 2}, {96, 3, 1}, {160, 3, 2}, {320, 1, 1}}};

Symbol normalize(const Symbol& x, const std::string& name) {
  return layers::BatchNormalization({.momentum = 0.999, .epsilon = 1e-3, .name = name})(x);
}

Symbol relu6(const Symbol& x, const std::string& name) { return layers::ReLU({.max_value = 6.0, .name = name})(x); }

/// Widens (the first block does not), convolves each channel by itself, narrows without an activation, and adds what
/// came in if it has the same shape.
Symbol inverted_residual(const Symbol& input, int number, std::int64_t filters, std::int64_t stride) {
  const std::string name = number == 0 ? "expanded_conv_" : "block_" + std::to_string(number) + "_";
  const std::int64_t channels = input.shape().back();
  Symbol x = input;
  if (number > 0) {
    x = layers::Conv2D(6 * channels, 1, {.padding = "same", .use_bias = false, .name = name + "expand"})(x);
    x = relu6(normalize(x, name + "expand_BN"), name + "expand_relu");
  }
  if (stride == 2) x = layers::ZeroPadding2D(halving_padding(x, 3), {.name = name + "pad"})(x);
  x = layers::DepthwiseConv2D(
      3,
      {.strides = stride, .padding = stride == 1 ? "same" : "valid", .use_bias = false, .name = name + "depthwise"})(x);
  x = relu6(normalize(x, name + "depthwise_BN"), name + "depthwise_relu");
  x = layers::Conv2D(filters, 1, {.padding = "same", .use_bias = false, .name = name + "project"})(x);
  x = normalize(x, name + "project_BN");
  return channels == filters && stride == 1 ? layers::Add({.name = name + "add"})({input, x}) : x;
}

PublishedWeights published(const MobileNetV2Options& o, std::int64_t size) {
  return {.name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_" + alpha_text(o.alpha) + "_" +
                  std::to_string(size) + (o.include_top ? ".h5" : "_no_top.h5"),
          .folder = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/",
          .md5 = ""};
}

}  // namespace

Model MobileNetV2(const MobileNetV2Options& options) {
  const double alpha = options.alpha;
  const Network network("MobileNetV2", common_options(options),
                        {.usual = usual_size(options, trained_sizes), .least = 32});
  require_positive_alpha(network, alpha);
  if (network.pretrained()) require_trained_alpha(network, alpha, {0.35, 0.5, 0.75, 1.0, 1.3, 1.4});
  Symbol x = layers::Conv2D(round_filters(32 * alpha), 3,
                            {.strides = 2, .padding = "same", .use_bias = false, .name = "Conv1"})(network.input());
  x = relu6(normalize(x, "bn_Conv1"), "Conv1_relu");
  int number = 0;
  for (const Stage& stage : stages)
    for (int b = 0; b < stage.blocks; ++b) {
      const double filters = std::trunc(static_cast<double>(stage.filters) * alpha);
      x = inverted_residual(x, number++, round_filters(filters), b == 0 ? stage.stride : 1);
    }
  x = layers::Conv2D(alpha > 1.0 ? round_filters(1280 * alpha) : 1280, 1, {.use_bias = false, .name = "Conv_1"})(x);
  x = relu6(normalize(x, "Conv_1_bn"), "out_relu");
  x = options.include_top ? network.classify(layers::GlobalAveragePooling2D()(x)) : network.pool(x);
  const std::int64_t size = named_size(network, trained_sizes);
  return network.finish(x, sized_name("mobilenetv2", alpha, size), published(options, size));
}

}  // namespace strata::applications
