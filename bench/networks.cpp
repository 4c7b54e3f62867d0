#include "bench/networks.h"

namespace strata::bench {
namespace {

using layers::Conv2DOptions;

Symbol normalized(const Symbol& x) { return layers::BatchNormalization()(x); }
Symbol relu(const Symbol& x) { return layers::Activation("relu")(x); }

Symbol conv(const Symbol& x, std::int64_t filters, int size, int stride = 1, const std::string& padding = "same",
            bool bias = false) {
  return layers::Conv2D(filters, size, {.strides = stride, .padding = padding, .use_bias = bias})(x);
}

Model classifier(const Symbol& input, Symbol x, const std::string& name) {
  x = layers::Dense(1000, {.activation = "softmax"})(x);
  return Model({input}, {x}, name);
}

// Chollet, 2017.
Symbol separable(const Symbol& x, std::int64_t filters) {
  return normalized(layers::SeparableConv2D(filters, 3, {.padding = "same", .use_bias = false})(x));
}

Symbol xception_down(Symbol x, std::int64_t first, std::int64_t filters, bool starts_with_relu) {
  const Symbol shortcut = normalized(conv(x, filters, 1, 2));
  if (starts_with_relu) x = relu(x);
  x = separable(x, first);
  x = separable(relu(x), filters);
  x = layers::MaxPooling2D(3, {.strides = 2, .padding = "same"})(x);
  return layers::Add()({x, shortcut});
}

Model xception() {
  const Symbol input = layers::Input({299, 299, 3});
  Symbol x = relu(normalized(conv(input, 32, 3, 2, "valid")));
  x = relu(normalized(conv(x, 64, 3, 1, "valid")));
  x = xception_down(x, 128, 128, false);
  x = xception_down(x, 256, 256, true);
  x = xception_down(x, 728, 728, true);
  for (int block = 0; block < 8; ++block) {
    Symbol y = x;
    for (int i = 0; i < 3; ++i) y = separable(relu(y), 728);
    x = layers::Add()({y, x});
  }
  x = xception_down(x, 728, 1024, true);
  x = relu(separable(x, 1536));
  x = relu(separable(x, 2048));
  return classifier(input, layers::GlobalAveragePooling2D()(x), "xception");
}

// Howard et al., 2017.
Model mobilenet() {
  const auto relu6 = [](const Symbol& x) { return layers::ReLU({.max_value = 6.0})(normalized(x)); };
  const Symbol input = layers::Input({224, 224, 3});
  Symbol x = relu6(conv(input, 32, 3, 2));
  const std::pair<std::int64_t, int> blocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                                                 {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
  for (const auto& [filters, stride] : blocks) {
    x = relu6(layers::DepthwiseConv2D(3, {.strides = stride, .padding = "same", .use_bias = false})(x));
    x = relu6(conv(x, filters, 1));
  }
  x = layers::Dropout(1e-3)(layers::GlobalAveragePooling2D()(x));
  return classifier(input, x, "mobilenet");
}

// He et al., 2015, as Keras has it: the stride lies on a block's first convolution, convolutions have a bias.
Symbol bottleneck(const Symbol& x, std::int64_t filters, int stride, bool projects) {
  const Symbol shortcut = projects ? normalized(conv(x, 4 * filters, 1, stride, "valid", true)) : x;
  Symbol y = relu(normalized(conv(x, filters, 1, stride, "valid", true)));
  y = relu(normalized(conv(y, filters, 3, 1, "same", true)));
  y = normalized(conv(y, 4 * filters, 1, 1, "valid", true));
  return relu(layers::Add()({shortcut, y}));
}

Model resnet50() {
  const Symbol input = layers::Input({224, 224, 3});
  Symbol x = relu(normalized(conv(layers::ZeroPadding2D(3)(input), 64, 7, 2, "valid", true)));
  x = layers::MaxPooling2D(3, {.strides = 2})(layers::ZeroPadding2D(1)(x));
  const std::pair<std::int64_t, int> stages[] = {{64, 3}, {128, 4}, {256, 6}, {512, 3}};
  for (const auto& [filters, count] : stages)
    for (int i = 0; i < count; ++i) x = bottleneck(x, filters, i == 0 && filters > 64 ? 2 : 1, i == 0);
  return classifier(input, layers::GlobalAveragePooling2D()(x), "resnet50");
}

// Simonyan and Zisserman, 2014.
Model vgg16() {
  const Symbol input = layers::Input({224, 224, 3});
  Symbol x = input;
  const std::pair<std::int64_t, int> stages[] = {{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}};
  for (const auto& [filters, count] : stages) {
    for (int i = 0; i < count; ++i) x = layers::Conv2D(filters, 3, {.padding = "same", .activation = "relu"})(x);
    x = layers::MaxPooling2D(2)(x);
  }
  x = layers::Flatten()(x);
  for (int i = 0; i < 2; ++i) x = layers::Dense(4096, {.activation = "relu"})(x);
  return classifier(input, x, "vgg16");
}

}  // namespace

const std::map<std::string, Network>& networks() {
  static const std::map<std::string, Network> all{{"mobilenet", {224, 16, mobilenet}},
                                                  {"resnet50", {224, 8, resnet50}},
                                                  {"vgg16", {224, 4, vgg16}},
                                                  {"xception", {299, 4, xception}}};
  return all;
}

}  // namespace strata::bench
