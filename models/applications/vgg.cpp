#include <algorithm>
#include <array>

#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/pooling.h"
#include "layers/reshaping.h"
#include "models/applications/network.h"

namespace strata::applications {

namespace {

/// Numbers of convolutions in the five blocks.
using Blocks = std::array<int, 5>;

Model make_vgg(const std::string& function, const std::string& name, const Options& options, const Blocks& blocks,
               const char* md5_with_top, const char* md5_without_top) {
  const Network network(function, options, {.usual = 224, .least = 32});
  Symbol x = network.input();
  std::int64_t filters = 64;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::string block = "block" + std::to_string(b + 1);
    for (int c = 1; c <= blocks[b]; ++c)
      x = layers::Conv2D(filters, 3,
                         {.padding = "same", .activation = "relu", .name = block + "_conv" + std::to_string(c)})(x);
    x = layers::MaxPooling2D(2, {.strides = 2, .name = block + "_pool"})(x);
    filters = std::min<std::int64_t>(2 * filters, 512);
  }
  if (options.include_top) {
    x = layers::Flatten({.name = "flatten"})(x);
    x = layers::Dense(4096, {.activation = "relu", .name = "fc1"})(x);
    x = layers::Dense(4096, {.activation = "relu", .name = "fc2"})(x);
    x = network.classify(x);
  } else {
    x = network.pool(x);
  }
  return network.finish(x, name, usual_weights(options.include_top, name, name, md5_with_top, md5_without_top));
}

}  // namespace

Model VGG16(const Options& o) {
  return make_vgg("VGG16", "vgg16", o, {2, 2, 3, 3, 3}, "64373286793e3c8b2b4e3219cbf3544b",
                  "6d6bbae143d832006294945121d1f1fc");
}

Model VGG19(const Options& o) {
  return make_vgg("VGG19", "vgg19", o, {2, 2, 4, 4, 4}, "cbe5617147190e668d6c5d5026f83318",
                  "253f8cb515780f3b799900260a226db6");
}

}  // namespace strata::applications
