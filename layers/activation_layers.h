#pragma once

#include <optional>
#include <string>

#include "layers/activations.h"
#include "layers/layer.h"

/// Activation functions as layers. They compute in f32.
namespace strata::layers {

STRATA_API Layer Activation(const strata::Activation& activation, const LayerArguments& = {});

struct ReLUOptions {
  std::optional<double> max_value = {};
  double negative_slope = 0.0;
  double threshold = 0.0;
  std::string name = {};
  bool trainable = true;
};
/// As activations::relu. None of the three numbers is negative.
STRATA_API Layer ReLU(const ReLUOptions& = {});

struct LeakyReLUOptions {
  double negative_slope = 0.3;
  std::string name = {};
  bool trainable = true;
};
STRATA_API Layer LeakyReLU(const LeakyReLUOptions& = {});

struct SoftmaxOptions {
  std::int64_t axis = -1;
  std::string name = {};
  bool trainable = true;
};
STRATA_API Layer Softmax(const SoftmaxOptions& = {});

}  // namespace strata::layers
