#include "models/quantities.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace strata {

namespace {
/// Three significant digits as far as they are behind the point.
std::string three_digits(double value) {
  const double size = std::fabs(value);
  return fmt::format("{:.{}f}", value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}
}  // namespace

std::string time_text(double seconds) {
  if (seconds >= 3600) return three_digits(seconds / 3600) + " h";
  if (seconds >= 120) return three_digits(seconds / 60) + " min";
  if (seconds >= 0.9995) return three_digits(seconds) + " s";
  if (seconds >= 0.9995e-3) return three_digits(seconds * 1e3) + " ms";
  return three_digits(seconds * 1e6) + " us";
}

std::string bytes_text(double bytes) {
  constexpr std::array units{" KiB", " MiB", " GiB", " TiB"};
  if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
  std::size_t unit = 0;
  for (bytes /= 1024; bytes >= 1023.5 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return three_digits(bytes) + units[unit];
}

std::string count_text(double count) {
  if (std::fabs(count) < 99.95) return three_digits(count);
  std::string digits = fmt::format("{:.0f}", count);
  for (std::size_t at = digits.size(); at > 3 + (digits[0] == '-' ? 1u : 0u); at -= 3) digits.insert(at - 3, ",");
  return digits;
}

}  // namespace strata
