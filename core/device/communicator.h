#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/dtype.h"

namespace strata {

/// How the numbers of several replicas become one.
enum class Reduction : std::uint8_t { sum, mean, max };

STRATA_API std::string_view to_string(Reduction);

class BackgroundCalls;

/// How one replica of several exchanges numbers with the others: rank `rank()` of `size()`. Every replica makes the
/// same calls in the same order, with the same reduction, element type and count; each returns when this replica has
/// its result. Arrays lie in the processor's memory. Element types: f32, f64, f16, bf16, i32, i64; `mean` is of the
/// floating ones. Sums are formed in the order of the ranks, 16-bit types in f32 with one rounding at the end, so that
/// results are the same on every replica and from run to run.
///
/// No call waits for ever: an Error that names this replica, its step and the call says for whom it waited in vain,
/// that another replica made a different call, or why it gave up. After one every further call on any replica is that
/// Error.
class STRATA_API Communicator {
 public:
  Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator();

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// `out` gets the reduction of all replicas' `in`, `count` elements each; `in` may be `out`.
  virtual void all_reduce(Reduction, DType, const void* in, void* out, std::size_t count) = 0;
  /// `data` of replica `root` comes to all.
  virtual void broadcast(DType, void* data, std::size_t count, int root) = 0;
  /// `out`, of size() * count elements, gets every replica's `in`, in the order of the ranks.
  virtual void all_gather(DType, const void* in, void* out, std::size_t count) = 0;
  /// `out`, of `count` elements, gets part number rank() of the reduction of all `in`, of size() * count elements.
  virtual void reduce_scatter(Reduction, DType, const void* in, void* out, std::size_t count) = 0;
  /// Returns when all have called it.
  virtual void barrier() = 0;

  /// Ends the waiting of all replicas, now and later, with an Error that gives the reason. For any thread.
  virtual void abort(const std::string& reason) = 0;
  /// What errors call the step that begins.
  virtual void begin_step(std::int64_t number) = 0;

  /// Whether calls may come from several threads, one at a time. Where they may not, all must come from one.
  virtual bool takes_turns() const { return true; }
  /// Where a step makes calls that go on beside its other work. It must not make others meanwhile.
  BackgroundCalls& background() { return *background_; }

 private:
  std::unique_ptr<BackgroundCalls> background_;
};

}  // namespace strata
