// How histogram equalization sorts pixels into bins and what it makes of them. Free-standing (core/base/host_device.h):
// the processor and a GPU compute the same. The order of operations is Keras's, so that a pixel on the border of two
// bins falls into the same one as there.
#pragma once

#include "core/kernels/math_basic.h"

namespace strata::kernels {

/// The bin at a place in [0, bins - 1]; places beyond belong to the outermost bins, what is no number to the first.
template <math::Real T>
STRATA_HD inline long bin_at(T place, long bins) {
  const long last = bins - 1;
  return place > T(0) ? (place < static_cast<T>(last) ? static_cast<long>(place) : last) : 0;
}
/// The bin that a pixel from 0 to 255 counts in, and the one whose level it takes. The two are rounded differently.
template <math::Real T>
STRATA_HD inline long counted_bin(T pixel, long bins) {
  return bin_at(pixel * static_cast<T>(bins - 1) / T(255), bins);
}
template <math::Real T>
STRATA_HD inline long level_bin(T pixel, long bins) {
  return bin_at(pixel / T(255) * static_cast<T>(bins - 1), bins);
}

/// In the place of a level: the pixel stays as it is.
inline constexpr int unchanged = -1;

/// From how many pixels of a channel lie in each bin to the level that they get: the share of the pixels beyond the
/// first bin in use that lie in this bin or below, of 255. `unchanged` where all pixels lie in one bin.
template <math::Real T>
STRATA_HD inline void find_levels(const long* counts, T* levels, long bins, long pixels) {
  long first = 0;
  for (long bin = 0; bin < bins && first == 0; ++bin) first = counts[bin];
  long so_far = 0;
  for (long bin = 0; bin < bins; ++bin) {
    so_far += counts[bin];
    const long beyond = so_far > first ? so_far - first : 0;
    levels[bin] = first == pixels ? static_cast<T>(unchanged)
                                  : static_cast<T>(math::round_half_even(static_cast<double>(beyond * 255) /
                                                                         static_cast<double>(pixels - first)));
  }
}

/// A pixel by its channel's levels.
template <math::Real T>
STRATA_HD inline T equalized(T pixel, const T* levels, long bins) {
  const T level = levels[level_bin(pixel, bins)];
  return level == static_cast<T>(unchanged) ? pixel : level;
}

}  // namespace strata::kernels
