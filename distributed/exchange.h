#pragma once

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "core/device/gpu_communicator.h"
#include "distributed/in_process.h"
#include "distributed/strategy.h"

namespace strata::distribute {

/// How the replicas in this process exchange numbers with each other or with those in other processes: in its memory,
/// or by their ProcessGroup; and on GPUs by NCCL where the strategy's options and the machines have it. Replicas are
/// counted here from the first one in this process. Internal.
class Exchange {
 public:
  /// That of the strategy's first `members` replicas, of which one here must be. Where GPUs are in several processes,
  /// all of them make it together, to agree on NCCL.
  Exchange(const Strategy& strategy, std::size_t members);

  std::shared_ptr<Communicator> communicator(std::size_t replica) const { return communicators_[replica]; }
  /// Null where arrays pass through the processor's memory.
  std::shared_ptr<GpuCommunicator> gpu_communicator(std::size_t replica) const {
    return gpus_.empty() ? nullptr : gpus_[replica];
  }
  void begin_step(std::size_t replica, std::int64_t number) const;
  /// Among the replicas of one process: ends what the others wait for, since this one has failed. The error for the
  /// user, if it is the first one; null where it may follow from another.
  std::exception_ptr fail(std::size_t replica, std::int64_t step, const std::exception& error) const;
  /// Ends what GPUs here wait for.
  void abort_gpus(const std::string& reason) const;
  /// Whether there was an error since the last recover: a GPU's may come out after its step.
  bool failed() const;
  /// Among the replicas of one process, after an error, when no thread is in a call any more: they may start afresh.
  void recover();

 private:
  std::vector<Device> devices_;
  std::unique_ptr<InProcessGroup> host_;  // null among processes
  std::vector<std::shared_ptr<Communicator>> communicators_;
  std::vector<std::shared_ptr<GpuCommunicator>> gpus_;
};

/// Why NCCL cannot join these devices of one process; empty when it can.
std::string why_no_nccl(const std::vector<Device>& devices);

}  // namespace strata::distribute
