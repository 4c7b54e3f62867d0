#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/graph/symbol.h"
#include "layers/arguments.h"

/// What networks have in common that come in several widths.
namespace strata::applications {

/// A number of filters as a multiple of 8, at least 8, and at least nine tenths of what was asked for.
inline std::int64_t round_filters(double filters) {
  const auto eighths = static_cast<std::int64_t>(filters + 4) / 8;
  const std::int64_t rounded = std::max<std::int64_t>(8, eighths * 8);
  return static_cast<double>(rounded) < 0.9 * filters ? rounded + 8 : rounded;
}

/// Zeros around images so that a convolution of stride 2 without padding halves them, rounding up: one less in front
/// where the size is even. An open size counts as even, as in Keras.
inline Margins2 halving_padding(const Symbol& x, std::int64_t kernel) {
  const Shape& shape = x.shape();
  const bool open = shape[1] == open_dim;
  const auto margin = [&](std::int64_t size) {
    return Margin{kernel / 2 - (open || size % 2 == 0 ? 1 : 0), kernel / 2};
  };
  return {margin(shape[1]), margin(shape[2])};
}

}  // namespace strata::applications
