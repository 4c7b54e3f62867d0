#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace strata::testing {

/// What one thread waits for until another opens it. It gives up after ten seconds: a test fails then, and ends.
class Gate {
 public:
  void open() { open_ = true; }
  /// Whether it has been opened.
  bool wait() const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!open_ && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return open_;
  }

 private:
  std::atomic<bool> open_{false};
};

}  // namespace strata::testing
