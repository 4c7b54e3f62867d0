// The networks and data that strategies are tested with: whole models train on several replicas as on one device.
#pragma once

#include <strata/strata.h>

namespace strata::testing {

struct Images {
  explicit Images(std::int64_t samples, std::int64_t side = 12)
      : x(random::uniform({samples, side, side, 1})), y(random::randint({samples}, 0, 4)) {}
  Tensor x, y;
};

inline Images images(std::int64_t samples, std::int64_t side = 12) {
  const DeviceScope processor("cpu:0");
  utils::set_random_seed(3);
  return Images(samples, side);
}

/// A small MNIST CNN with a batch norm, made within the scope that holds.
inline Sequential cnn(bool synchronized = true) {
  Sequential model({layers::Input({12, 12, 1}), layers::Conv2D(4, 3, {.use_bias = false}),
                    layers::BatchNormalization({.momentum = 0.8, .synchronized = synchronized}),
                    layers::Activation("relu"), layers::Conv2D(6, 3, {.activation = "relu"}), layers::MaxPooling2D(2),
                    layers::Flatten(),
                    layers::Dense(4, {.activation = "softmax", .kernel_regularizer = regularizers::L2(0.01)})});
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.01, .global_clipnorm = 0.5}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  return model;
}

/// Entry flow and one residual block in the manner of Xception.
inline Model small_xception() {
  const auto norm = [] { return layers::BatchNormalization({.synchronized = true}); };
  const Symbol in = layers::Input({12, 12, 1});
  Symbol x = layers::Activation("relu")(
      norm()(layers::Conv2D(4, 3, {.strides = 2, .padding = "same", .use_bias = false})(in)));
  Symbol shortcut = norm()(layers::Conv2D(8, 1, {.strides = 2, .padding = "same", .use_bias = false})(x));
  Symbol y =
      layers::Activation("relu")(norm()(layers::SeparableConv2D(8, 3, {.padding = "same", .use_bias = false})(x)));
  y = norm()(layers::SeparableConv2D(8, 3, {.padding = "same", .use_bias = false})(y));
  y = layers::MaxPooling2D(3, {.strides = 2, .padding = "same"})(y);
  x = layers::GlobalAveragePooling2D()(y + shortcut);
  Model model({in}, {layers::Dense(4, {.activation = "softmax"})(x)});
  model.compile({.optimizer = "rmsprop", .loss = "sparse_categorical_crossentropy"});
  return model;
}

}  // namespace strata::testing
