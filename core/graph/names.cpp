#include "core/graph/names.h"

#include <cctype>
#include <map>
#include <mutex>

#include "core/graph/uncounted_names.h"

namespace strata {

namespace {
struct Counters {
  std::mutex mutex;
  std::map<std::string, int, std::less<>> next;
};
Counters& counters() {
  static Counters c;
  return c;
}
bool upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }
char to_lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }
}  // namespace

std::string unique_name(std::string_view stem) {
  Counters& c = counters();
  const std::lock_guard lock(c.mutex);
  const int count = c.next[std::string(stem)]++;
  return count == 0 ? std::string(stem) : std::string(stem) + "_" + std::to_string(count);
}

void reset_names() {
  Counters& c = counters();
  const std::lock_guard lock(c.mutex);
  c.next.clear();
}

UncountedNames::UncountedNames() {
  Counters& c = counters();
  const std::lock_guard lock(c.mutex);
  counters_ = c.next;
}

UncountedNames::~UncountedNames() {
  Counters& c = counters();
  const std::lock_guard lock(c.mutex);
  c.next = std::move(counters_);
}

std::string snake_case(std::string_view name) {
  // Keras: an underscore before an upper-case letter that lower-case letters follow, then between lower and upper case.
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool starts_word = upper(name[i]) && i + 1 < name.size() && lower(name[i + 1]);
    const bool after_lower = upper(name[i]) && i > 0 && lower(name[i - 1]);
    if (i > 0 && (starts_word || after_lower) && out.back() != '_') out += '_';
    if (std::isalnum(static_cast<unsigned char>(name[i])) != 0 || name[i] == '_') out += to_lower(name[i]);
  }
  return out;
}

std::string camel_case(std::string_view snake) {
  std::string out;
  bool start = true;
  for (char c : snake) {
    if (c == '_') {
      start = true;
      continue;
    }
    out += start ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    start = false;
  }
  return out;
}

}  // namespace strata
