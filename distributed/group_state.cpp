#include "distributed/group_state.h"

#include "core/base/error.h"

namespace strata::distribute {

GroupState::GroupState(std::unique_ptr<Transport> t, int r, std::chrono::milliseconds limit)
    : transport(std::move(t)), rank(r), timeout(limit), heard(processes().size()) {}

std::string GroupState::title(int of) const {
  const Process& p = processes()[static_cast<std::size_t>(of)];
  return "rank " + std::to_string(of) + " of " + std::to_string(size()) + " (" + p.name + " on " + p.host +
         ", process " + std::to_string(p.id) + ")";
}

/// "rank 1 of 2 (...), last heard of at step 3, call 7: ..."
std::string GroupState::whereabouts(int of) const {
  const Announcement& a = heard[static_cast<std::size_t>(of)];
  return title(of) +
         (a.calls == 0 ? ", which has made no call yet" : ", last heard of at " + place_of(a.step, a.calls, a.call));
}

std::string GroupState::describe(const Trouble& t) const {
  std::string text;
  switch (t.kind) {
    case Trouble::Kind::late:
      for (const int r : t.ranks)
        text +=
            (text.empty() ? "waited " + std::to_string(timeout.count()) + " ms in vain for " : "; ") + whereabouts(r);
      return text;
    case Trouble::Kind::gone:
      return whereabouts(t.ranks[0]) + ", is gone: " + t.reason;
    case Trouble::Kind::aborted:
      break;
  }
  return t.ranks.empty() ? t.reason : title(t.ranks[0]) + " gave up: " + t.reason;
}

bool GroupState::fail(const std::string& reason, const std::string& to_others) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) return false;
    failure_ = reason;
  }
  transport->abort(to_others);
  return true;
}

void GroupState::check() {
  const std::lock_guard lock(mutex_);
  if (!failure_.empty()) throw Error(title(rank), latest() + ": " + failure_);
}

void GroupState::exchange(const std::vector<Transport::Outgoing>& out, std::vector<Transport::Incoming>& in) {
  if (const auto trouble = transport->exchange(out, in, deadline)) {
    const std::string what = describe(*trouble);
    fail(what, latest() + ": " + what);
  }
  check();
}

}  // namespace strata::distribute
