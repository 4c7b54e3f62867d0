#pragma once

#include <string>

#include "layers/layer.h"

/// Layers that move elements without computing. They keep the element type.
namespace strata::layers {

struct FlattenOptions {
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};

/// [batch, ...] -> [batch, n]; [batch] -> [batch, 1].
STRATA_API Layer Flatten(const FlattenOptions& = {});

/// [batch, ...] -> [batch, target_shape...]; one size may be -1. Error unless the number of elements stays.
STRATA_API Layer Reshape(const Shape& target_shape, const LayerArguments& = {});

/// Axis i of the result is axis dims[i - 1] of the input; axes are counted from 1, the batch stays in front.
STRATA_API Layer Permute(const Axes& dims, const LayerArguments& = {});

/// [batch, features] -> [batch, n, features].
STRATA_API Layer RepeatVector(std::int64_t n, const LayerArguments& = {});

}  // namespace strata::layers
