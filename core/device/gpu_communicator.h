#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/device/communicator.h"

namespace strata {

class Cuda;

/// How a replica on a GPU exchanges arrays in that GPU's memory with the others: enqueued on Cuda::stream(), beside a
/// Communicator of the same replicas. Calls, types and results are those of Communicator, except that the order of a
/// sum is the implementation's own: every replica gets the same bits, and a later run with the same devices gets them
/// again, but 16-bit types may be rounded after each addition.
///
/// Replicas run a step in one way, which they agree on before it. Kernel by kernel, all wait before and after each
/// call; recorded, the calls are part of the recording. Waiting for the stream ends with an Error that names this
/// replica, its step and the call: when a replica has not come on for longer than the time limit, when the
/// implementation reports an error, and after abort. Then every further call is an Error, until recover.
/// Internal.
class GpuCommunicator {
 public:
  /// The ways to run a step. Whatever one replica cannot do, none does: the last one named goes.
  enum class Way : std::uint8_t { replay, record, kernel_by_kernel };

  virtual ~GpuCommunicator();

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// The way in which all run the step that begins, of those that each proposes.
  virtual Way agree(Way proposed) = 0;
  /// Another number when it starts afresh: steps are warmed up once more, and recordings from before are void.
  virtual std::uint64_t generation() const = 0;
  /// Returns when all replicas have called it.
  virtual void meet() = 0;

  virtual void all_reduce(Cuda&, Reduction, DType, const void* in, void* out, std::size_t count) = 0;
  virtual void broadcast(Cuda&, DType, void* data, std::size_t count, int root) = 0;
  virtual void all_gather(Cuda&, DType, const void* in, void* out, std::size_t count) = 0;
  virtual void reduce_scatter(Cuda&, Reduction, DType, const void* in, void* out, std::size_t count) = 0;

  /// Ends the calls of this replica, those that the GPU is at too. For any thread.
  virtual void abort(const std::string& reason) = 0;
  /// After an error, when no thread is in a call any more: waits until the GPU is at rest, and may then start afresh.
  virtual void recover(Cuda&) = 0;
  /// Whether there was an error since the last recover.
  virtual bool failed() const = 0;
  /// What errors call the step that begins.
  virtual void begin_step(std::int64_t number) = 0;
};

}  // namespace strata
