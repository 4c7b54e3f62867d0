#include <array>

#include "layers/activation_layers.h"
#include "layers/conv.h"
#include "layers/depthwise_conv.h"
#include "layers/dropout.h"
#include "layers/normalization.h"
#include "layers/padding.h"
#include "layers/pooling.h"
#include "layers/reshaping.h"
#include "models/applications/mobilenet_sizes.h"
#include "models/applications/network.h"

namespace strata::applications {

namespace {

constexpr std::array<std::int64_t, 4> trained_sizes{128, 160, 192, 224};

/// Normalization and ReLU6 behind a convolution of this name.
Symbol activated(const Symbol& x, const std::string& name) {
  const Symbol y = layers::BatchNormalization({.name = name + "_bn"})(x);
  return layers::ReLU({.max_value = 6.0, .name = name + "_relu"})(y);
}

/// A depthwise convolution over each channel, then one over the channels at each place.
Symbol block(Symbol x, int number, std::int64_t filters, std::int64_t stride, std::int64_t depth_multiplier) {
  const std::string id = std::to_string(number);
  if (stride > 1) x = layers::ZeroPadding2D({{0, 1}, {0, 1}}, {.name = "conv_pad_" + id})(x);
  x = layers::DepthwiseConv2D(3, {.strides = stride,
                                  .padding = stride == 1 ? "same" : "valid",
                                  .depth_multiplier = depth_multiplier,
                                  .use_bias = false,
                                  .name = "conv_dw_" + id})(x);
  x = activated(x, "conv_dw_" + id);
  x = layers::Conv2D(filters, 1, {.padding = "same", .use_bias = false, .name = "conv_pw_" + id})(x);
  return activated(x, "conv_pw_" + id);
}

Symbol top(const Network& network, Symbol x, double dropout) {
  const Options& o = network.options();
  x = layers::GlobalAveragePooling2D({.keepdims = true})(x);
  x = layers::Dropout(dropout, {.name = "dropout"})(x);
  x = layers::Conv2D(o.classes, 1, {.padding = "same", .name = "conv_preds"})(x);
  x = layers::Reshape({o.classes}, {.name = "reshape_2"})(x);
  return layers::Activation(o.classifier_activation, {.name = "predictions"})(x);
}

PublishedWeights published(const MobileNetOptions& o, std::int64_t size) {
  const std::string alpha = o.alpha == 1.0 ? "1_0" : o.alpha == 0.75 ? "7_5" : o.alpha == 0.5 ? "5_0" : "2_5";
  return {.name = "mobilenet_" + alpha + "_" + std::to_string(size) + (o.include_top ? "_tf.h5" : "_tf_no_top.h5"),
          .folder = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/",
          .md5 = ""};
}

}  // namespace

Model MobileNet(const MobileNetOptions& options) {
  const Network network("MobileNet", common_options(options),
                        {.usual = usual_size(options, trained_sizes), .least = 32});
  require_positive_alpha(network, options.alpha);
  if (!options.include_top && options.dropout != MobileNetOptions{}.dropout)
    network.fail("`dropout` belongs to the top, and `include_top` is false");
  if (network.pretrained()) {
    if (options.depth_multiplier != 1)
      network.fail("If imagenet weights are being loaded, depth multiplier must be 1. Received depth_multiplier=" +
                   std::to_string(options.depth_multiplier));
    require_trained_alpha(network, options.alpha, {0.25, 0.5, 0.75, 1.0});
  }
  constexpr std::array<std::int64_t, 13> filters{64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
  const auto scaled = [&](std::int64_t count) {
    return static_cast<std::int64_t>(static_cast<double>(count) * options.alpha);
  };
  Symbol x = layers::Conv2D(scaled(32), 3,
                            {.strides = 2, .padding = "same", .use_bias = false, .name = "conv1"})(network.input());
  x = activated(x, "conv1");
  for (int number = 1; number <= 13; ++number) {
    const bool halves = number == 2 || number == 4 || number == 6 || number == 12;
    x = block(x, number, scaled(filters[static_cast<std::size_t>(number - 1)]), halves ? 2 : 1,
              options.depth_multiplier);
  }
  x = options.include_top ? top(network, x, options.dropout) : network.pool(x);
  const std::int64_t size = named_size(network, trained_sizes);
  return network.finish(x, sized_name("mobilenet", options.alpha, size), published(options, size));
}

}  // namespace strata::applications
