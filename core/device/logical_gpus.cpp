#include "core/device/logical_gpus.h"

#include <charconv>
#include <cstdlib>
#include <string>

#include "core/base/error.h"

namespace strata::cuda {

int logical_gpus() {
  static const int wanted = [] {
    const char* text = std::getenv("STRATA_LOGICAL_GPUS");
    if (text == nullptr) return 1;
    const std::string number = text;
    int n = 0;
    const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), n);
    if (code != std::errc{} || end != number.data() + number.size() || n < 1 || n > 8)
      fail_expected("STRATA_LOGICAL_GPUS", "a number from 1 to 8", "'" + number + "'");
    return n;
  }();
  return wanted;
}

}  // namespace strata::cuda
