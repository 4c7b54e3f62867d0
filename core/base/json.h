#pragma once

#include <string>
#include <string_view>

#include "core/base/config.h"

namespace strata {

/// The text that Python's json.dumps gives: ASCII, `1.0` for a float without a fraction, NaN and Infinity as such.
STRATA_API std::string to_json(const ConfigValue&, int indent = -1);

/// Reads JSON, NaN and Infinity included. Error naming `where`, and the position, for malformed text, nesting beyond
/// 200 levels, a key that comes twice, or objects of more than some 20,000 keys.
STRATA_API ConfigValue parse_json(std::string_view text, const std::string& where);

}  // namespace strata
