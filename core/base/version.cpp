#include "core/base/version.h"

namespace strata {

std::string_view version() { return version_text; }

namespace config {

// Through the inline function on purpose: were it not hidden, a program that holds it too would replace
// it, and with it every other inline function; tests/house checks that it does not.
std::string_view built_level() { return level_here<>(); }

}  // namespace config
}  // namespace strata
