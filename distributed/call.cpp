#include "distributed/call.h"

#include <unistd.h>

namespace strata::distribute {

std::string to_string(const Call& c) {
  const std::string numbers = std::to_string(c.count) + " " + std::string(strata::to_string(c.dtype));
  const std::string reduced = " (" + std::string(strata::to_string(c.reduction)) + " of " + numbers + ")";
  switch (c.kind) {
    case CallKind::all_reduce:
      return "all_reduce" + reduced;
    case CallKind::reduce_scatter:
      return "reduce_scatter" + reduced;
    case CallKind::broadcast:
      return "broadcast (" + numbers + " from rank " + std::to_string(c.root) + ")";
    case CallKind::all_gather:
      return "all_gather (" + numbers + ")";
    case CallKind::barrier:
      break;
  }
  return "barrier";
}

std::string place_of(std::int64_t step, std::int64_t calls, const Call& latest) {
  const std::string where = step < 0 ? "" : "step " + std::to_string(step) + ", ";
  return calls == 0 ? where + "no call yet" : where + "call " + std::to_string(calls) + ": " + to_string(latest);
}

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace strata::distribute
