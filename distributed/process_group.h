#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/device/communicator.h"
#include "distributed/world.h"

namespace strata::distribute {

class Transport;
struct GroupState;

/// This process as one of several, on one machine or many, that exchange numbers. They trust each other and the network
/// between them: nothing is encrypted, and nobody has to prove who it is.
class STRATA_API ProcessGroup {
 public:
  /// Returns when all processes of the world have come; `name` is what errors call this one: its device. No call, and
  /// not the coming together, waits longer than `timeout`. Error that names the ranks that did not come; for processes
  /// with another version of Strata; and where mpirun started this process and Open MPI cannot be used.
  static std::shared_ptr<ProcessGroup> join(const WorldOptions& world, const std::string& name,
                                            std::chrono::milliseconds timeout);
  ProcessGroup(std::unique_ptr<Transport> transport, int rank, std::chrono::milliseconds timeout);
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;
  ~ProcessGroup();

  int rank() const;
  int size() const;
  /// Processes on the machine of this one, itself included.
  int on_this_machine() const;
  /// "rank 1 of 2 (cpu:0 on thishost, process 4711)"
  std::string title(int rank) const;
  /// Among the first `members` ranks, of which this one must be; all of them for 0. For one thread at a time, whichever
  /// of the communicators it uses. It may outlive the group.
  std::shared_ptr<Communicator> communicator(int members = 0) const;
  /// Communicator::abort with what has gone wrong here, so that the others need not wait for it. Does nothing after
  /// another error, from which this one may follow, and says so by false.
  bool abort(const std::string& error) const;

 private:
  class Member;
  std::shared_ptr<GroupState> state_;
};

}  // namespace strata::distribute
