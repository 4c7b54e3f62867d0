// Numbers of a beta distribution, each out of words of its own, on the host and on a GPU (core/base/host_device.h).
#pragma once

#include "core/kernels/philox.h"

namespace strata::philox {

/// Blocks of words for one gamma variable; a beta variable takes two.
inline constexpr Index beta_attempts = 64;

/// The logarithm of a gamma variable of this shape and scale 1, from the blocks that begin at `first`: G. Marsaglia and
/// W. W. Tsang, "A simple method for generating gamma variables", 2000. More than 95 of 100 attempts succeed, so that
/// none of 64 does less than once in 10^80; the mean then stands in. A shape below 1 is one above it times a uniform
/// number to the power of 1 / shape; as a logarithm, since the product underflows for small shapes.
STRATA_HD inline float log_gamma_variable(float shape, Index first, Stream s) {
  const float whole = shape < 1.0f ? shape + 1.0f : shape, d = whole - 1.0f / 3.0f, c = 1.0f / math::sqrt(9.0f * d);
  float log_value = math::log(d), last_uniform = 0.5f;
  for (Index attempt = 0; attempt < beta_attempts; ++attempt) {
    const Block w = block_at(first + attempt, s);
    const float x = normals_from_words(w.word[0], w.word[1]).first, root = 1.0f + c * x, v = root * root * root;
    if (!(root > 0.0f)) continue;
    // In (0, 1), never an end of it.
    const float u = uniform_from_word(w.word[2]) + 2.98023223876953125e-8f;
    last_uniform = uniform_from_word(w.word[3]) + 2.98023223876953125e-8f;
    if (math::log(u) >= 0.5f * x * x + d - d * v + d * math::log(v)) continue;
    log_value = math::log(d * v);
    break;
  }
  return shape < 1.0f ? log_value + math::log(last_uniform) / shape : log_value;
}

/// Number i of a beta distribution: x / (x + y) of two gamma variables, by their logarithms.
STRATA_HD inline float beta_variable(float a, float b, Index i, Stream s) {
  const float x = log_gamma_variable(a, 2 * beta_attempts * i, s);
  const float y = log_gamma_variable(b, 2 * beta_attempts * i + beta_attempts, s);
  return math::sigmoid(x - y);
}

}  // namespace strata::philox
