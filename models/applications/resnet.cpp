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

/// Numbers of blocks in the four stacks.
using Stacks = std::array<int, 4>;

/// One of the networks: its names and the sums of its files.
struct Member {
  const char* function;
  const char* name;
  Stacks stacks;
  const char* md5_with_top;
  const char* md5_without_top;
};

Symbol normalize(const Symbol& x, const std::string& name) {
  return layers::BatchNormalization({.axis = 3, .epsilon = 1.001e-5, .name = name})(x);
}

Symbol normalize_and_activate(const Symbol& x, const std::string& name) {
  return layers::Activation("relu", {.name = name + "_relu"})(normalize(x, name + "_bn"));
}

/// A bottleneck with ReLU behind each sum. The first of a stack has a convolution beside it.
Symbol block_v1(const Symbol& input, std::int64_t filters, std::int64_t stride, bool first, const std::string& name) {
  Symbol past = input;
  if (first) {
    past = layers::Conv2D(4 * filters, 1, {.strides = stride, .name = name + "_0_conv"})(input);
    past = normalize(past, name + "_0_bn");
  }
  Symbol x = layers::Conv2D(filters, 1, {.strides = stride, .name = name + "_1_conv"})(input);
  x = normalize_and_activate(x, name + "_1");
  x = layers::Conv2D(filters, 3, {.padding = "same", .name = name + "_2_conv"})(x);
  x = normalize_and_activate(x, name + "_2");
  x = layers::Conv2D(4 * filters, 1, {.name = name + "_3_conv"})(x);
  x = normalize(x, name + "_3_bn");
  x = layers::Add({.name = name + "_add"})({past, x});
  return layers::Activation("relu", {.name = name + "_out"})(x);
}

/// A bottleneck that normalizes before each convolution and adds what came in untouched.
Symbol block_v2(const Symbol& input, std::int64_t filters, std::int64_t stride, bool first, const std::string& name) {
  const Symbol ready = normalize_and_activate(input, name + "_preact");
  Symbol past = input;
  if (first)
    past = layers::Conv2D(4 * filters, 1, {.strides = stride, .name = name + "_0_conv"})(ready);
  else if (stride > 1)
    past = layers::MaxPooling2D(1, {.strides = stride})(input);
  Symbol x = layers::Conv2D(filters, 1, {.strides = 1, .use_bias = false, .name = name + "_1_conv"})(ready);
  x = normalize_and_activate(x, name + "_1");
  x = layers::ZeroPadding2D({{1, 1}, {1, 1}}, {.name = name + "_2_pad"})(x);
  x = layers::Conv2D(filters, 3, {.strides = stride, .use_bias = false, .name = name + "_2_conv"})(x);
  x = normalize_and_activate(x, name + "_2");
  x = layers::Conv2D(4 * filters, 1, {.name = name + "_3_conv"})(x);
  return layers::Add({.name = name + "_out"})({past, x});
}

/// Four stacks, each at half the size and with twice the filters of the one before. The first version halves at the
/// beginning of a stack, but not of the first; the second at the end, but not of the last.
Symbol stacks(Symbol x, const Stacks& blocks, bool second_version) {
  std::int64_t filters = 64;
  for (std::size_t s = 0; s < blocks.size(); ++s, filters *= 2) {
    const std::string stack = "conv" + std::to_string(s + 2) + "_block";
    const bool halves = s != (second_version ? blocks.size() - 1 : 0);
    for (int b = 1; b <= blocks[s]; ++b) {
      const bool here = halves && b == (second_version ? blocks[s] : 1);
      x = (second_version ? block_v2 : block_v1)(x, filters, here ? 2 : 1, b == 1, stack + std::to_string(b));
    }
  }
  return x;
}

Model make_resnet(const Member& member, const Options& options, bool second_version) {
  const Network network(member.function, options, {.usual = 224, .least = 32});
  Symbol x = layers::ZeroPadding2D({{3, 3}, {3, 3}}, {.name = "conv1_pad"})(network.input());
  x = layers::Conv2D(64, 7, {.strides = 2, .name = "conv1_conv"})(x);
  if (!second_version) x = normalize_and_activate(x, "conv1");
  x = layers::ZeroPadding2D({{1, 1}, {1, 1}}, {.name = "pool1_pad"})(x);
  x = layers::MaxPooling2D(3, {.strides = 2, .name = "pool1_pool"})(x);
  x = stacks(x, member.stacks, second_version);
  if (second_version) x = normalize_and_activate(x, "post");
  return network.finish(
      network.usual_end(x, PoolNames::own), member.name,
      usual_weights(options.include_top, "resnet", member.name, member.md5_with_top, member.md5_without_top));
}

}  // namespace

Model ResNet50(const Options& o) {
  return make_resnet(
      {"ResNet50", "resnet50", {3, 4, 6, 3}, "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"}, o,
      false);
}

Model ResNet101(const Options& o) {
  return make_resnet(
      {"ResNet101", "resnet101", {3, 4, 23, 3}, "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"},
      o, false);
}

Model ResNet152(const Options& o) {
  return make_resnet(
      {"ResNet152", "resnet152", {3, 8, 36, 3}, "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"},
      o, false);
}

Model ResNet50V2(const Options& o) {
  return make_resnet({"ResNet50V2",
                      "resnet50v2",
                      {3, 4, 6, 3},
                      "3ef43a0b657b3be2300d5770ece849e0",
                      "fac2f116257151a9d068a22e544a4917"},
                     o, true);
}

Model ResNet101V2(const Options& o) {
  return make_resnet({"ResNet101V2",
                      "resnet101v2",
                      {3, 4, 23, 3},
                      "6343647c601c52e1368623803854d971",
                      "c0ed64b8031c3730f411d2eb4eea35b5"},
                     o, true);
}

Model ResNet152V2(const Options& o) {
  return make_resnet({"ResNet152V2",
                      "resnet152v2",
                      {3, 8, 36, 3},
                      "a49b44d1979771252814e80f8ec446f9",
                      "ed17cf2e0169df9d443503ef94b23b33"},
                     o, true);
}

}  // namespace strata::applications
