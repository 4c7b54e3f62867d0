#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace strata::callbacks {

using PathValue = std::variant<std::int64_t, double>;
using PathValues = std::vector<std::pair<std::string, PathValue>>;

/// Python's str.format for numbers: `{name}` and `{name:spec}` become the value of that name, `{{` and `}}` a brace. A
/// number without a format looks as Python prints it. Error, Keras's message, for a name that is not there or a format
/// that does not fit.
std::string fill_path(const std::string& path, const PathValues& values);

}  // namespace strata::callbacks
