#pragma once

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "core/device/gpu_communicator.h"
#include "distributed/in_process.h"
#include "distributed/strategy.h"

namespace strata::distribute {

/// How some replicas of this process exchange numbers: in its memory, and on GPUs by NCCL where the strategy's options
/// and the machine have it. Internal.
class Exchange {
 public:
  /// That of the strategy's first `members` replicas.
  Exchange(const Strategy& strategy, std::size_t members);

  std::shared_ptr<Communicator> communicator(std::size_t rank) const {
    return host_.communicator(static_cast<int>(rank));
  }
  /// Null where arrays pass through the processor's memory.
  std::shared_ptr<GpuCommunicator> gpu_communicator(std::size_t rank) const {
    return gpus_.empty() ? nullptr : gpus_[rank];
  }
  void begin_step(std::size_t rank, std::int64_t number) const;
  /// Ends what the other replicas wait for, since this one has failed. The error for the user, if it is the first one;
  /// null where it may follow from another.
  std::exception_ptr fail(std::size_t rank, std::int64_t step, const std::exception& error) const;
  /// Whether there was an error since the last recover: a GPU's may come out after its step.
  bool failed() const;
  /// After an error, when no thread is in a call any more: the replicas may start afresh.
  void recover();

 private:
  std::vector<Device> devices_;
  InProcessGroup host_;
  std::vector<std::shared_ptr<GpuCommunicator>> gpus_;
};

/// Why the strategy's replicas cannot exchange by NCCL; empty when they can.
std::string why_no_nccl(const std::vector<Device>& devices);

}  // namespace strata::distribute
