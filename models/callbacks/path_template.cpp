#include "models/callbacks/path_template.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/json.h"

namespace strata::callbacks {

namespace {
[[noreturn]] void fail(const std::string& path, const std::string& reason) {
  throw Error("ModelCheckpoint", "Failed to format this callback filepath: \"" + path + "\". Reason: " + reason);
}

std::string names(const PathValues& values) {
  std::string text;
  for (const auto& [name, value] : values) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

/// `field` is what stands between braces.
std::string formatted(const std::string& path, const std::string& field, const PathValues& values) {
  const std::size_t colon = field.find(':');
  const std::string name = field.substr(0, colon);
  const auto it = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; });
  if (it == values.end()) fail(path, "'" + name + "' is not one of " + names(values));
  const std::string spec = colon == std::string::npos ? "" : field.substr(colon + 1);
  if (spec.empty()) return std::visit([](auto v) { return to_json(ConfigValue(v)); }, it->second);
  try {
    return std::visit([&](auto v) { return fmt::format(fmt::runtime("{:" + spec + "}"), v); }, it->second);
  } catch (const fmt::format_error& e) {
    fail(path, "the format '" + spec + "' of '" + name + "': " + e.what());
  }
}
}  // namespace

std::string fill_path(const std::string& path, const PathValues& values) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c != '{' && c != '}') {
      out += c;
    } else if (i + 1 < path.size() && path[i + 1] == c) {
      out += c;
      ++i;
    } else {
      const std::size_t end = c == '{' ? path.find_first_of("{}", i + 1) : std::string::npos;
      if (end == std::string::npos || path[end] != '}') fail(path, "a brace without its counterpart");
      out += formatted(path, path.substr(i + 1, end - i - 1), values);
      i = end;
    }
  }
  return out;
}

}  // namespace strata::callbacks
