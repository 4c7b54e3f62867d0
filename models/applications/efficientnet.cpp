#include <algorithm>
#include <array>
#include <cmath>

#include "layers/activation_layers.h"
#include "layers/conv.h"
#include "layers/depthwise_conv.h"
#include "layers/dropout.h"
#include "layers/merging.h"
#include "layers/normalization.h"
#include "layers/padding.h"
#include "layers/pooling.h"
#include "layers/preprocessing.h"
#include "layers/rescaling.h"
#include "layers/reshaping.h"
#include "models/applications/network.h"
#include "models/applications/scaled_networks.h"

namespace strata::applications {

namespace {

/// One of the networks: how much wider and deeper than B0 it is.
struct Member {
  const char* letter;  // "0" to "7"
  double width, depth;
  std::int64_t size;
  double dropout;
  const char* md5_with_top;
  const char* md5_without_top;
};

/// Blocks of B0 of one size: `filters` is what they end with, `stride` that of the first.
struct Stage {
  std::int64_t kernel;
  int repeats;
  std::int64_t filters;
  std::int64_t expansion, stride;
};
constexpr std::array<Stage, 7> stages{{{3, 1, 16, 1, 1},
                                       {3, 2, 24, 6, 2},
                                       {5, 2, 40, 6, 2},
                                       {3, 3, 80, 6, 2},
                                       {5, 3, 112, 6, 1},
                                       {5, 4, 192, 6, 2},
                                       {3, 1, 320, 6, 1}}};

Initializer conv_initializer() { return initializers::VarianceScaling({.scale = 2.0, .mode = "fan_out"}); }

Symbol normalize(const Symbol& x, const std::string& name) {
  return layers::BatchNormalization({.axis = 3, .name = name})(x);
}
Symbol swish(const Symbol& x, const std::string& name) { return layers::Activation("swish", {.name = name})(x); }

/// A convolution of single places.
Symbol pointwise(const Symbol& x, std::int64_t filters, const std::string& name) {
  return layers::Conv2D(
      filters, 1, {.padding = "same", .use_bias = false, .kernel_initializer = conv_initializer(), .name = name})(x);
}

/// Each channel times a number between 0 and 1 that follows from the means of all channels.
Symbol squeeze_and_excite(const Symbol& x, std::int64_t squeezed, const std::string& name) {
  const std::int64_t channels = x.shape().back();
  const auto layer = [&](std::int64_t filters, const char* activation, const std::string& part) {
    return layers::Conv2D(
        filters, 1,
        {.padding = "same", .activation = activation, .kernel_initializer = conv_initializer(), .name = name + part});
  };
  Symbol gate = layers::GlobalAveragePooling2D({.name = name + "se_squeeze"})(x);
  gate = layers::Reshape({1, 1, channels}, {.name = name + "se_reshape"})(gate);
  gate = layer(squeezed, "swish", "se_reduce")(gate);
  gate = layer(channels, "sigmoid", "se_expand")(gate);
  return layers::Multiply({.name = name + "se_excite"})({x, gate});
}

struct Block {
  std::string name;
  std::int64_t kernel, filters, expansion, stride;
  double drop_rate;  // of the whole block, for each sample
};

Symbol inverted_residual(const Symbol& input, const Block& b) {
  const std::int64_t channels = input.shape().back();
  Symbol x = input;
  if (b.expansion != 1) {
    x = pointwise(x, channels * b.expansion, b.name + "expand_conv");
    x = swish(normalize(x, b.name + "expand_bn"), b.name + "expand_activation");
  }
  if (b.stride == 2) x = layers::ZeroPadding2D(halving_padding(x, b.kernel), {.name = b.name + "dwconv_pad"})(x);
  x = layers::DepthwiseConv2D(b.kernel, {.strides = b.stride,
                                         .padding = b.stride == 2 ? "valid" : "same",
                                         .use_bias = false,
                                         .depthwise_initializer = conv_initializer(),
                                         .name = b.name + "dwconv"})(x);
  x = swish(normalize(x, b.name + "bn"), b.name + "activation");
  x = squeeze_and_excite(x, std::max<std::int64_t>(1, channels / 4), b.name);
  x = normalize(pointwise(x, b.filters, b.name + "project_conv"), b.name + "project_bn");
  if (b.stride != 1 || channels != b.filters) return x;
  if (b.drop_rate > 0) x = layers::Dropout(b.drop_rate, {.noise_shape = {-1, 1, 1, 1}, .name = b.name + "drop"})(x);
  return layers::Add({.name = b.name + "add"})({x, input});
}

/// Pixels from 0 to 255 as the network wants them.
Symbol stem(const Network& network, const Member& member) {
  Symbol x = layers::Rescaling(1.0 / 255.0)(network.input());
  x = layers::Normalization({.axis = {3}})(x);
  // The published weights were trained with pixels over the variance, and their Normalization divides by the deviation.
  if (network.pretrained()) {
    const auto factor = [](double deviation) { return 1.0 / std::sqrt(deviation); };
    x = layers::Rescaling({factor(0.229), factor(0.224), factor(0.225)})(x);
  }
  x = layers::ZeroPadding2D(halving_padding(x, 3), {.name = "stem_conv_pad"})(x);
  x = layers::Conv2D(round_filters(32 * member.width), 3,
                     {.strides = 2,
                      .padding = "valid",
                      .use_bias = false,
                      .kernel_initializer = conv_initializer(),
                      .name = "stem_conv"})(x);
  return swish(normalize(x, "stem_bn"), "stem_activation");
}

Symbol all_blocks(Symbol x, const Member& member) {
  const auto repeats = [&](const Stage& s) { return static_cast<int>(std::ceil(member.depth * s.repeats)); };
  int total = 0, made = 0;
  for (const Stage& stage : stages) total += repeats(stage);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = stages[s];
    for (int i = 0; i < repeats(stage); ++i, ++made)
      x = inverted_residual(x, {.name = "block" + std::to_string(s + 1) + static_cast<char>('a' + i) + "_",
                                .kernel = stage.kernel,
                                .filters = round_filters(static_cast<double>(stage.filters) * member.width),
                                .expansion = stage.expansion,
                                .stride = i == 0 ? stage.stride : 1,
                                .drop_rate = 0.2 * made / total});
  }
  return x;
}

Model make_efficientnet(const Member& member, const Options& options) {
  const std::string letter = member.letter, name = "efficientnetb" + letter;
  const Network network("EfficientNetB" + letter, options, {.usual = member.size, .least = 32});
  Symbol x = all_blocks(stem(network, member), member);
  x = pointwise(x, round_filters(1280 * member.width), "top_conv");
  x = swish(normalize(x, "top_bn"), "top_activation");
  if (options.include_top) {
    x = layers::GlobalAveragePooling2D({.name = "avg_pool"})(x);
    x = layers::Dropout(member.dropout, {.name = "top_dropout"})(x);
    x = network.classify(
        x, initializers::VarianceScaling({.scale = 1.0 / 3.0, .mode = "fan_out", .distribution = "uniform"}));
  } else {
    x = network.pool(x, PoolNames::own);
  }
  return network.finish(x, name,
                        {.name = name + (options.include_top ? ".h5" : "_notop.h5"),
                         .folder = "https://storage.googleapis.com/keras-applications/",
                         .md5 = options.include_top ? member.md5_with_top : member.md5_without_top});
}

}  // namespace

Model EfficientNetB0(const Options& o) {
  return make_efficientnet(
      {"0", 1.0, 1.0, 224, 0.2, "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"}, o);
}

Model EfficientNetB1(const Options& o) {
  return make_efficientnet(
      {"1", 1.0, 1.1, 240, 0.2, "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"}, o);
}

Model EfficientNetB2(const Options& o) {
  return make_efficientnet(
      {"2", 1.1, 1.2, 260, 0.3, "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"}, o);
}

Model EfficientNetB3(const Options& o) {
  return make_efficientnet(
      {"3", 1.2, 1.4, 300, 0.3, "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"}, o);
}

Model EfficientNetB4(const Options& o) {
  return make_efficientnet(
      {"4", 1.4, 1.8, 380, 0.4, "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"}, o);
}

Model EfficientNetB5(const Options& o) {
  return make_efficientnet(
      {"5", 1.6, 2.2, 456, 0.4, "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"}, o);
}

Model EfficientNetB6(const Options& o) {
  return make_efficientnet(
      {"6", 1.8, 2.6, 528, 0.5, "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"}, o);
}

Model EfficientNetB7(const Options& o) {
  return make_efficientnet(
      {"7", 2.0, 3.1, 600, 0.5, "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"}, o);
}

}  // namespace strata::applications
