#pragma once

#include <string>

namespace strata {

/// "41.2 ms", "870 us", "3.05 s": three digits.
std::string time_text(double seconds);
/// "12.3 MiB", "512 B": three digits.
std::string bytes_text(double bytes);
/// "1,234", "12.3": three digits or a whole number.
std::string count_text(double count);

}  // namespace strata
