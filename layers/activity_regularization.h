#pragma once

#include <string>

#include "layers/layer.h"

namespace strata::layers {

struct ActivityRegularizationOptions {
  double l1 = 0.0;
  double l2 = 0.0;
  std::string name = {};
  bool trainable = true;
};
/// What comes in, with the penalty l1 sum(|x|) + l2 sum(x^2), divided by the batch size. The factors are not negative.
STRATA_API Layer ActivityRegularization(const ActivityRegularizationOptions& = {});

}  // namespace strata::layers
