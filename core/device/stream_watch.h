#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "core/device/cuda_runtime.h"

/// Waiting for streams whose work waits, in turn, for another device or process. Internal.
namespace strata::cuda {

/// Who knows when a stream's work will never be done.
class Watch {
 public:
  virtual ~Watch();
  /// Called again and again by a thread that has waited for the stream for so long, and once after the work is done; an
  /// Error ends its waiting.
  virtual void look(std::chrono::steady_clock::duration waited) = 0;
};

/// From now on whoever waits for the stream (Stream::synchronize) lets it look, as long as it lives.
void watch(const Stream&, std::weak_ptr<Watch>);
/// Whether what is enqueued on the stream is being recorded (Graph) and does not run.
bool is_recording(const Stream&);

namespace detail {
/// Calls `done` until it is true, with the stream's watches looking in between. False, and without a call, where nobody
/// watches.
bool wait_watched(const Stream&, const std::function<bool()>& done);
}  // namespace detail

}  // namespace strata::cuda
