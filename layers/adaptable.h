#pragma once

#include "layers/layer.h"

/// A layer that data prepare before training. Internal.
namespace strata::layers {

class Adaptable : public Definition {
 public:
  /// `batches` are not empty. The layer is built.
  virtual void adapt(const Tensors& batches) = 0;
};

}  // namespace strata::layers
