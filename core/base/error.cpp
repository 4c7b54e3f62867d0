#include "core/base/error.h"

namespace strata {

namespace {
std::string located(std::string_view where, std::string_view message) {
  std::string text;
  if (!where.empty()) text.append("[").append(where).append("] ");
  return text.append(message);
}
}  // namespace

Error::Error(const std::string& message) : std::runtime_error(message), message_(message) {}

Error::Error(std::string_view where, std::string_view message)
    : std::runtime_error(located(where, message)), where_(where), message_(message) {}

Error::~Error() = default;
MemoryError::~MemoryError() = default;

void fail_expected(std::string_view where, std::string_view expected, std::string_view received) {
  throw Error(where, std::string("expected ").append(expected).append("; received ").append(received));
}

}  // namespace strata
