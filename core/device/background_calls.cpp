#include "core/device/background_calls.h"

#include <utility>

#include "core/device/thread_pool.h"

namespace strata {

BackgroundCalls::~BackgroundCalls() {
  cancel();
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  begun_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::uint64_t BackgroundCalls::begin(std::function<void()> call) {
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
    waiting_.push_back(std::move(call));
    number = ++last_;
  }
  begun_.notify_one();
  return number;
}

void BackgroundCalls::wait(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return over_ >= number || error_; });
  if (error_) std::rethrow_exception(error_);
}

void BackgroundCalls::cancel() noexcept {
  std::unique_lock lock(mutex_);
  last_ -= waiting_.size();
  waiting_.clear();
  ended_.wait(lock, [&] { return over_ == last_; });
  error_ = nullptr;
}

void BackgroundCalls::work() {
  const FlushDenormals flush;  // as in the thread of a step: sums must not depend on where they are formed
  std::unique_lock lock(mutex_);
  for (;;) {
    begun_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
    if (closing_) return;
    const std::function<void()> call = std::move(waiting_.front());
    waiting_.pop_front();
    std::exception_ptr thrown;
    lock.unlock();
    try {
      call();
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    ++over_;
    if (thrown) {
      error_ = std::move(thrown);
      last_ -= waiting_.size();
      waiting_.clear();
    }
    ended_.notify_one();
  }
}

}  // namespace strata
