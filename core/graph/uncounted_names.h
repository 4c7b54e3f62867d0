#pragma once

#include <functional>
#include <map>
#include <string>

namespace strata {

/// Puts the counters of automatic names (core/graph/names.h) back when it goes: what was named meanwhile leaves no gap.
/// For a thread that makes layers while no other does.
class UncountedNames {
 public:
  UncountedNames();
  UncountedNames(const UncountedNames&) = delete;
  UncountedNames& operator=(const UncountedNames&) = delete;
  ~UncountedNames();

 private:
  std::map<std::string, int, std::less<>> counters_;
};

}  // namespace strata
