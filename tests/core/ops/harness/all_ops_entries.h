#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "core/ops/all_ops.h"
#include "tests/core/ops/harness/samples.h"

namespace strata::harness {

/// An op of the library by name, with its samples.
struct Entry {
  std::string name;
  SampleList (*samples)();
  friend std::ostream& operator<<(std::ostream& out, const Entry& e) { return out << e.name; }
};

template <class... T>
std::vector<Entry> entries_of(OpList<T...>) {
  return {{std::string(T::name), &Samples<T>::make}...};
}

}  // namespace strata::harness
