#pragma once

#include "core/base/shape.h"

namespace strata::norm {

/// x [..., C] as normalizations see it: rows of channels.
struct Rows {
  std::size_t rows = 1, channels = 1;
  explicit Rows(const Shape& x)
      : rows(x.elements() == 0 ? 0 : static_cast<std::size_t>(x.elements() / x.back())),
        channels(static_cast<std::size_t>(x.back())) {}
};

}  // namespace strata::norm
