#pragma once

#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// Zeros put around, and borders cut off, the axes between batch and channels: of sequences [batch, steps, channels],
/// images [batch, height, width, channels] and volumes [batch, depth, height, width, channels]. The element type stays.
namespace strata::layers {

struct PaddingOptions {
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
using ZeroPadding2DOptions = PaddingOptions;
using ZeroPadding3DOptions = PaddingOptions;
using Cropping2DOptions = PaddingOptions;
using Cropping3DOptions = PaddingOptions;

STRATA_API Layer ZeroPadding1D(Margin padding = 1, const LayerArguments& = {});
STRATA_API Layer ZeroPadding2D(Margins2 padding = 1, const ZeroPadding2DOptions& = {});
STRATA_API Layer ZeroPadding3D(Margins3 padding = 1, const ZeroPadding3DOptions& = {});

/// Error when nothing would be left.
STRATA_API Layer Cropping1D(Margin cropping = 1, const LayerArguments& = {});
STRATA_API Layer Cropping2D(Margins2 cropping = 0, const Cropping2DOptions& = {});
STRATA_API Layer Cropping3D(Margins3 cropping = 1, const Cropping3DOptions& = {});

}  // namespace strata::layers
