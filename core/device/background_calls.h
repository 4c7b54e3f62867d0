#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace strata {

/// Calls that go on beside the work of the thread that begins them: one after the other, in that order, on a thread of
/// their own, which is made for the first one and sleeps between them. For one thread at a time.
/// Internal.
class BackgroundCalls {
 public:
  BackgroundCalls() = default;
  BackgroundCalls(const BackgroundCalls&) = delete;
  BackgroundCalls& operator=(const BackgroundCalls&) = delete;
  ~BackgroundCalls();

  /// Begins the call as soon as those before it are over, and returns its number at once. What one of those has thrown
  /// is thrown here.
  std::uint64_t begin(std::function<void()> call);
  /// Returns when the call of this number is over. What it has thrown, or one before it, is thrown here; those behind
  /// that one are not made.
  void wait(std::uint64_t number);
  /// For a caller that gives up: what has not begun is not made, what goes on is waited for, and what it throws is
  /// lost. The next calls are begun as if there had been none.
  void cancel() noexcept;

 private:
  void work();

  std::mutex mutex_;  // of all but the thread
  std::condition_variable begun_, ended_;
  std::deque<std::function<void()>> waiting_;
  std::uint64_t last_ = 0, over_ = 0;  // numbers: of the call begun last, and up to which all are over
  std::exception_ptr error_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace strata
