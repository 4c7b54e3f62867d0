#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "distributed/call.h"
#include "distributed/transport.h"

namespace strata::distribute {

/// What each process tells all others when it makes a call.
struct Announcement {
  Call call;
  std::int32_t members = 0;
  std::int64_t step = -1, calls = 0;
};

/// What the communicators of a process share: where it and the others are, and why no call is possible any more.
/// Internal.
struct GroupState {
  GroupState(std::unique_ptr<Transport> transport, int rank, std::chrono::milliseconds timeout);

  const std::vector<Process>& processes() const { return transport->processes(); }
  int size() const { return static_cast<int>(processes().size()); }
  /// "rank 1 of 2 (cpu:0 on thishost, process 4711)"
  std::string title(int of) const;
  /// "step 3, call 7: all_reduce (sum of 25000 f32)" of this process.
  std::string latest() const { return place_of(now.step, now.calls, now.call); }

  /// The first reason stays, and the others hear of it. False for a later one.
  bool fail(const std::string& reason, const std::string& to_others);
  /// Error with the reason, if there is one.
  void check();
  /// A round of messages of this call, until its deadline.
  void exchange(const std::vector<Transport::Outgoing>& out, std::vector<Transport::Incoming>& in);

  std::unique_ptr<Transport> transport;
  int rank;
  std::chrono::milliseconds timeout;
  Clock::time_point deadline;       // of the call that goes on
  Announcement now;                 // the latest of this process
  std::vector<Announcement> heard;  // the latest of each process
  std::vector<std::byte> scratch;

 private:
  std::string whereabouts(int of) const;
  std::string describe(const Trouble&) const;
  std::mutex mutex_;  // of the following
  std::string failure_;
};

}  // namespace strata::distribute
