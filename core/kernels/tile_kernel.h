// What every generated kernel begins with (core/graph/tile_source.h). For device code only; free-standing.
#pragma once

#include "core/kernels/elements.h"
#include "core/kernels/elementwise_functions.h"
#include "core/kernels/pack.h"

namespace strata::tiles {

/// The segment that this block works on: the last one that begins at or before it.
template <class Segment, int count>
__device__ inline const Segment& segment_of_block(const Segment (&segments)[count]) {
  int low = 0, high = count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (segments[middle].first_block <= blockIdx.x)
      low = middle;
    else
      high = middle - 1;
  }
  return segments[low];
}

}  // namespace strata::tiles
