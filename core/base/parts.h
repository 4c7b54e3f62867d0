#pragma once

#include <algorithm>
#include <cstdint>

namespace strata {

/// Where number `part` begins of so many parts of n things, which lie in order: the first parts have one more where it
/// does not come out even. Part `parts` begins at the end.
inline std::int64_t begin_of_part(std::int64_t n, std::int64_t parts, std::int64_t part) {
  return n / parts * part + std::min(part, n % parts);
}

}  // namespace strata
