#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "models/applications/network.h"

/// What both MobileNets have in common: they come in several widths, and there are weights for several sizes of images.
namespace strata::applications {

template <class MobileOptions>
Options common_options(const MobileOptions& o) {
  return {.include_top = o.include_top,
          .weights = o.weights,
          .input_tensor = o.input_tensor,
          .input_shape = o.input_shape,
          .pooling = o.pooling,
          .classes = o.classes,
          .classifier_activation = o.classifier_activation,
          .name = o.name};
}

/// The size that the arguments ask for, if there are weights for it, else 224.
template <class MobileOptions>
std::int64_t usual_size(const MobileOptions& o, std::span<const std::int64_t> trained) {
  const bool given = o.input_tensor.defined() && o.input_tensor.shape().rank() == 4;
  const Shape shape = given ? o.input_tensor.shape().slice(1, 4) : o.input_shape;
  const bool fits = shape.rank() == 3 && shape[0] == shape[1] && std::ranges::find(trained, shape[0]) != trained.end();
  return fits ? shape[0] : 224;
}

/// The height that the network's name has, and that of the weights: 224, with a warning, if there are none for its own.
std::int64_t named_size(const Network& network, std::span<const std::int64_t> trained);

/// `mobilenet_1.00_224`; an open size is None, as in Keras.
std::string sized_name(const std::string& family, double alpha, std::int64_t size);

/// As Keras writes a width: 0.35, 1.0.
std::string alpha_text(double alpha);

void require_positive_alpha(const Network& network, double alpha);
/// Error unless there are weights for this width.
void require_trained_alpha(const Network& network, double alpha, const std::vector<double>& trained);

}  // namespace strata::applications
