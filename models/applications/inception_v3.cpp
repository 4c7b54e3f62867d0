#include "layers/activation_layers.h"
#include "layers/conv.h"
#include "layers/merging.h"
#include "layers/normalization.h"
#include "layers/pooling.h"
#include "models/applications/network.h"

namespace strata::applications {

namespace {

/// A convolution, its normalization and ReLU, all with automatic names: the order in which they are made counts.
Symbol conv(const Symbol& x, std::int64_t filters, Size2 kernel, std::int64_t stride = 1,
            const char* padding = "same") {
  const Symbol y = layers::Conv2D(filters, kernel, {.strides = stride, .padding = padding, .use_bias = false})(x);
  return layers::Activation("relu")(layers::BatchNormalization({.axis = 3, .scale = false})(y));
}

Symbol halved(const Symbol& x, std::int64_t filters, Size2 kernel) { return conv(x, filters, kernel, 2, "valid"); }

Symbol join(const Symbols& branches, const std::string& name = "") {
  return layers::Concatenate({.axis = 3, .name = name})(branches);
}

/// The mean of each place's neighbourhood, then a convolution.
Symbol pooled(const Symbol& x, std::int64_t filters) {
  return conv(layers::AveragePooling2D(3, {.strides = 1, .padding = "same"})(x), filters, 1);
}

Symbol entry(Symbol x) {
  x = halved(x, 32, 3);
  x = conv(x, 32, 3, 1, "valid");
  x = conv(x, 64, 3);
  x = layers::MaxPooling2D(3, {.strides = 2})(x);
  x = conv(x, 80, 1, 1, "valid");
  x = conv(x, 192, 3, 1, "valid");
  return layers::MaxPooling2D(3, {.strides = 2})(x);
}

/// Windows of 1, 5 and twice 3.
Symbol mixed_5(const Symbol& x, std::int64_t pool_filters, const std::string& name) {
  const Symbol a = conv(x, 64, 1);
  const Symbol b = conv(conv(x, 48, 1), 64, 5);
  const Symbol c = conv(conv(conv(x, 64, 1), 96, 3), 96, 3);
  return join({a, b, c, pooled(x, pool_filters)}, name);
}

/// Windows of 7, each as 1 x 7 and 7 x 1.
Symbol mixed_7(const Symbol& x, std::int64_t filters, const std::string& name) {
  const Symbol a = conv(x, 192, 1);
  const Symbol b = conv(conv(conv(x, filters, 1), filters, {1, 7}), 192, {7, 1});
  Symbol c = conv(conv(x, filters, 1), filters, {7, 1});
  c = conv(conv(conv(c, filters, {1, 7}), filters, {7, 1}), 192, {1, 7});
  return join({a, b, c, pooled(x, 192)}, name);
}

/// Halves the size beside a pooling.
Symbol reducing_3(const Symbol& x) {
  const Symbol a = halved(x, 384, 3);
  const Symbol b = halved(conv(conv(x, 64, 1), 96, 3), 96, 3);
  return join({a, b, layers::MaxPooling2D(3, {.strides = 2})(x)}, "mixed3");
}

Symbol reducing_8(const Symbol& x) {
  const Symbol a = halved(conv(x, 192, 1), 320, 3);
  const Symbol b = halved(conv(conv(conv(x, 192, 1), 192, {1, 7}), 192, {7, 1}), 192, 3);
  return join({a, b, layers::MaxPooling2D(3, {.strides = 2})(x)}, "mixed8");
}

/// Two of the branches end in 1 x 3 and 3 x 1 side by side. `number`: 0 or 1.
Symbol mixed_wide(const Symbol& x, int number) {
  const Symbol a = conv(x, 320, 1);
  const auto fanned = [](const Symbol& from, const std::string& name) {
    const Symbol wide = conv(from, 384, {1, 3});
    return join({wide, conv(from, 384, {3, 1})}, name);
  };
  const Symbol b = fanned(conv(x, 384, 1), "mixed9_" + std::to_string(number));
  const Symbol c = fanned(conv(conv(x, 448, 1), 384, 3), "");
  return join({a, b, c, pooled(x, 192)}, "mixed" + std::to_string(9 + number));
}

}  // namespace

Model InceptionV3(const Options& options) {
  const Network network("InceptionV3", options, {.usual = 299, .least = 75});
  Symbol x = entry(network.input());
  x = mixed_5(x, 32, "mixed0");
  x = mixed_5(x, 64, "mixed1");
  x = mixed_5(x, 64, "mixed2");
  x = reducing_3(x);
  x = mixed_7(x, 128, "mixed4");
  x = mixed_7(x, 160, "mixed5");
  x = mixed_7(x, 160, "mixed6");
  x = mixed_7(x, 192, "mixed7");
  x = reducing_8(x);
  x = mixed_wide(x, 0);
  x = mixed_wide(x, 1);
  return network.finish(network.usual_end(x), "inception_v3",
                        usual_weights(options.include_top, "inception_v3", "inception_v3",
                                      "9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"));
}

}  // namespace strata::applications
