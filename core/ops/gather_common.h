#pragma once

#include <cstdint>

#include "core/base/shape.h"

namespace strata {

/// An array seen as [outer, axis, inner].
template <class I>
struct AxisView {
  I outer = 1, size = 1, inner = 1;
  AxisView(const Shape& shape, int axis) {
    for (int i = 0; i < shape.rank(); ++i) (i < axis ? outer : i == axis ? size : inner) *= static_cast<I>(shape[i]);
  }
};

}  // namespace strata
