#pragma once

#include <string>

#include "core/base/export.h"

namespace strata {

/// "41.2 ms", "870 us", "3.05 s": three digits.
STRATA_API std::string time_text(double seconds);
/// "12.3 MiB", "512 B": three digits.
STRATA_API std::string bytes_text(double bytes);
/// "1,234", "12.3": three digits or a whole number.
STRATA_API std::string count_text(double count);

}  // namespace strata
