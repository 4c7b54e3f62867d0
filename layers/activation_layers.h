#pragma once

#include <optional>
#include <string>

#include "layers/activations.h"
#include "layers/arguments.h"
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
/// x where x > 0, negative_slope * x elsewhere. The slope is not negative.
STRATA_API Layer LeakyReLU(const LeakyReLUOptions& = {});

struct PReLUOptions {
  Initializer alpha_initializer = "zeros";
  Regularizer alpha_regularizer = {};
  Constraint alpha_constraint = {};
  OptionalSizes shared_axes = {};  ///< axes along which one slope serves; counted from 1, the batch is axis 0
  std::string name = {};
  bool trainable = true;
};
/// x where x > 0, alpha * x elsewhere, with a slope learned for each position in a sample (He and others, "Delving deep
/// into rectifiers", 2015). Weight: alpha, in the shape of a sample with 1 on the shared axes.
STRATA_API Layer PReLU(const PReLUOptions& = {});

struct ELUOptions {
  double alpha = 1.0;
  std::string name = {};
  bool trainable = true;
};
/// As activations::elu.
STRATA_API Layer ELU(const ELUOptions& = {});

struct SoftmaxOptions {
  AxisArgument axis = -1;
  std::string name = {};
  bool trainable = true;
};
/// Along one axis, or over several together.
STRATA_API Layer Softmax(const SoftmaxOptions& = {});

}  // namespace strata::layers
