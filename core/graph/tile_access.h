#pragma once

#include <cstdint>
#include <vector>

#include "core/base/shape.h"

namespace strata {

/// How a tile program reads an input: `sizes` and `strides` (in elements, 0 where it repeats), outermost first, adjacent
/// axes merged. Both are empty unless the kind is `strided`.
struct TileAccess {
  enum class Kind { full, scalar, strided } kind = Kind::full;
  std::size_t element_bytes = 4;
  std::vector<std::int64_t> sizes, strides;
};

TileAccess tile_access(const Type& input, const Shape& shape);

}  // namespace strata
