#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/device/communicator.h"

namespace strata::distribute {

/// Replicas that are threads of this process and exchange numbers through its memory.
class STRATA_API InProcessGroup {
 public:
  /// `names` say what errors call the replicas: their devices. No call waits longer than `timeout` for another replica.
  InProcessGroup(std::vector<std::string> names, std::chrono::milliseconds timeout);
  InProcessGroup(const InProcessGroup&) = delete;
  InProcessGroup& operator=(const InProcessGroup&) = delete;
  ~InProcessGroup();

  int size() const;
  /// "rank 1 of 2 (cpu:1 on thishost)"
  std::string title(int rank) const;
  /// For one thread at a time. It may outlive the group.
  std::shared_ptr<Communicator> communicator(int rank) const;
  /// Communicator::abort for a replica that failed, and for whose reason the others will fail. False if there was an
  /// error before, so that this one may follow from it.
  bool abort_because_of(int rank, const std::string& error) const;
  /// After an error, when no thread is in a call any more: the replicas may start afresh.
  void recover();

 private:
  struct Meeting;
  class Member;
  std::shared_ptr<Meeting> meeting_;
  std::vector<std::shared_ptr<Member>> members_;
};

}  // namespace strata::distribute
