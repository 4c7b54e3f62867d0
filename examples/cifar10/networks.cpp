#include "examples/cifar10/networks.h"

using namespace strata;

namespace examples {

namespace {

Symbol photographs() { return layers::Input({open_dim, open_dim, 3}); }

/// Pixels from about -2 to 2.
Symbol scaled(const Symbol& pixels) { return layers::Rescaling(1.0 / 64, {.offset = -2})(pixels); }

/// Convolution, batch normalization and ReLU. `block` and `number` are for the names: block1_conv2, ...
Symbol unit(const Symbol& x, std::int64_t filters, const std::string& block, int number) {
  const std::string n = std::to_string(number);
  const auto conv = layers::Conv2D(
      filters, 3,
      {.padding = "same", .use_bias = false, .kernel_initializer = "he_normal", .name = block + "_conv" + n});
  const Symbol normalized = layers::BatchNormalization({.momentum = 0.9, .name = block + "_bn" + n})(conv(x));
  return layers::Activation("relu", {.name = block + "_relu" + n})(normalized);
}

Symbol with_way_around(const Symbol& x, std::int64_t filters, const std::string& block) {
  return layers::Add({.name = block + "_add"})({x, unit(unit(x, filters, block, 2), filters, block, 3)});
}

Model classifier(const Symbol& input, const Symbol& x, std::int64_t classes, const std::string& name) {
  const Symbol features = layers::GlobalAveragePooling2D({.name = "features"})(x);
  return Model({input}, {layers::Dense(classes, {.activation = "softmax", .name = "predictions"})(features)}, name);
}

}  // namespace

Model resnet(std::int64_t width, std::int64_t classes) {
  const Symbol input = photographs();
  Symbol x = unit(scaled(input), width, "block0", 1);
  for (int block = 1; block <= 3; ++block) {
    const std::string name = "block" + std::to_string(block);
    const std::int64_t filters = width << block;
    x = layers::MaxPooling2D(2, {.name = name + "_pool"})(unit(x, filters, name, 1));
    if (block != 2) x = with_way_around(x, filters, name);
  }
  return classifier(input, x, classes, "resnet");
}

Model vgg(std::int64_t width, std::int64_t classes) {
  const Symbol input = photographs();
  Symbol x = scaled(input);
  for (int block = 1; block <= 4; ++block) {
    const std::string name = "block" + std::to_string(block);
    const std::int64_t filters = width << (block - 1);
    if (block > 1) x = layers::MaxPooling2D(2, {.name = name + "_pool"})(x);
    x = unit(unit(x, filters, name, 1), filters, name, 2);
  }
  return classifier(input, x, classes, "vgg");
}

Model small_network(const std::string& kind, std::int64_t width, std::int64_t classes) {
  return kind == "vgg" ? vgg(width, classes) : resnet(width, classes);
}

}  // namespace examples
