#pragma once

#include <string>
#include <vector>

#include "core/cuda/dnn.h"

/// What training some networks asks of cuDNN: each different convolution, forward.
namespace strata::testing {

/// A square image [batch, size, size, channels], and how a square window of `kernel` moves over it.
struct Window {
  std::int64_t size, in, out, kernel, stride = 1;
  bool same = true;
  std::int64_t groups = 1;
};

inline cuda::ConvProblem convolution(std::int64_t batch, const Window& v) {
  const std::int64_t out = v.same ? (v.size + v.stride - 1) / v.stride : (v.size - v.kernel) / v.stride + 1;
  const std::int64_t padding = v.same ? std::max<std::int64_t>(0, (out - 1) * v.stride + v.kernel - v.size) : 0;
  cuda::ConvProblem p;
  p.x = {batch, v.size, v.size, v.in};
  p.w = {v.out, v.kernel, v.kernel, v.in / v.groups};
  p.y = {batch, out, out, v.out};
  p.strides = {v.stride, v.stride};
  p.dilation = {1, 1};
  p.padding_before = {padding / 2, padding / 2};
  return p;
}

struct Network {
  std::string name;
  std::int64_t batch;
  bool convolution_bias;  ///< its convolutions have biases of their own
  std::vector<Window> convolutions;
};

/// Two convolutions, pooling, two dense layers: the MNIST example.
inline Network mnist_cnn() { return {"MNIST CNN", 128, true, {{28, 1, 32, 3, 1, false}, {26, 32, 64, 3, 1, false}}}; }

/// ResNet-20 for images of 32 by 32 (He et al., 2015, section 4.2).
inline Network cifar_resnet() {
  Network n{"CIFAR ResNet-20", 128, true, {{32, 3, 16, 3}, {32, 16, 16, 3}}};
  for (std::int64_t size = 32, c = 16; c < 64; size /= 2, c *= 2)
    n.convolutions.insert(n.convolutions.end(),
                          {{size, c, 2 * c, 3, 2}, {size, c, 2 * c, 1, 2}, {size / 2, 2 * c, 2 * c, 3}});
  return n;
}

/// ResNet-50 as keras.applications has it: the stride in the first convolution of a stage, biases everywhere.
inline Network resnet50() {
  Network n{"ResNet-50, 224", 32, true, {{230, 3, 64, 7, 2, false}, {56, 64, 64, 1}}};
  std::int64_t in = 64, size = 56;
  for (std::int64_t c = 64; c <= 512; c *= 2) {
    const std::int64_t stride = c == 64 ? 1 : 2, smaller = size / stride;
    n.convolutions.insert(n.convolutions.end(), {{size, in, c, 1, stride},
                                                 {size, in, 4 * c, 1, stride},
                                                 {smaller, c, c, 3},
                                                 {smaller, c, 4 * c, 1},
                                                 {smaller, 4 * c, c, 1}});
    in = 4 * c, size = smaller;
  }
  return n;
}

/// Xception (Chollet, 2016, figure 5): separable convolutions are a depthwise 3x3 and a 1x1.
inline Network xception() {
  Network n{"Xception, 299", 32, false, {{299, 3, 32, 3, 2, false}, {149, 32, 64, 3, 1, false}}};
  const auto separable = [&](std::int64_t size, std::int64_t in, std::int64_t out) {
    n.convolutions.insert(n.convolutions.end(), {{size, in, in, 3, 1, true, in}, {size, in, out, 1}});
  };
  const auto residual = [&](std::int64_t size, std::int64_t in, std::int64_t out) {
    n.convolutions.push_back({size, in, out, 1, 2});
  };
  residual(147, 64, 128), separable(147, 64, 128), separable(147, 128, 128);
  residual(74, 128, 256), separable(74, 128, 256), separable(74, 256, 256);
  residual(37, 256, 728), separable(37, 256, 728), separable(37, 728, 728);
  separable(19, 728, 728);  // the middle flow
  residual(19, 728, 1024), separable(19, 728, 1024);
  separable(10, 1024, 1536), separable(10, 1536, 2048);
  return n;
}

}  // namespace strata::testing
