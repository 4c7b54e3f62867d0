#pragma once

#include <string>

#include "layers/layer.h"

/// Masks: bools, one for each step of a sample, that say which steps count. They come with values, from Masking or from
/// an Embedding with `mask_zero`, and travel from layer to layer as each layer says (layers::Base::compute_mask).
namespace strata::layers {

struct MaskingOptions {
  double mask_value = 0.0;
  std::string name = {};
  bool trainable = true;
};

/// [..., n] -> the same. Steps whose n numbers all equal `mask_value` are masked, and become zeros.
STRATA_API Layer Masking(const MaskingOptions& = {});

/// The mask of inputs that are added, multiplied, ...: true where one of theirs is; none unless all have one.
STRATA_API Value merged_mask(const Values& masks);
/// The mask of inputs that are joined along `axis`; inputs without a mask count everywhere. At least one has one.
STRATA_API Value concatenated_mask(const Values& inputs, const Values& masks, std::int64_t axis);
/// The mask with axes of size 1 behind it, up to the rank of `x`.
STRATA_API Value mask_in_rank_of(const Value& mask, const Value& x);

}  // namespace strata::layers
