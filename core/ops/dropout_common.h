#pragma once

#include "core/kernels/random_functions.h"
#include "core/ops/random.h"

namespace strata {

/// What a dropout does on either device.
struct DropoutPlan {
  philox::Keep keep;
  Shape noise;            ///< open sizes taken from x; empty without a noise shape
  bool together = false;  ///< elements share choices
};
DropoutPlan dropout_plan(const Dropout& op, const Shape& x);

}  // namespace strata
