#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/base/export.h"

namespace strata {

/// Copies of operands into the layout of a library, or back, that kernels make on their way.
struct Reorders {
  std::int64_t count = 0;
  std::int64_t bytes = 0;  ///< read and written
  double seconds = 0;      ///< of the threads that made them, added up
};

/// Counts reorders. Any number of threads may add at the same time.
class STRATA_API ReorderMeter {
 public:
  /// While it lives, `meter` counts what kernels reorder that this thread runs; null: nobody does. The innermost
  /// counts.
  class STRATA_API Scope {
   public:
    explicit Scope(ReorderMeter* meter);
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    ReorderMeter* outer_;
  };
  /// That of this thread's innermost scope, null without one. A kernel asks for it before it hands work to other
  /// threads.
  static ReorderMeter* current();

  /// f(), which is one reorder and is counted if there is a meter.
  template <class F>
  static void count(ReorderMeter* meter, std::size_t bytes, F&& f) {
    if (meter == nullptr) return f();
    const auto begin = std::chrono::steady_clock::now();
    f();
    meter->add(bytes, std::chrono::steady_clock::now() - begin);
  }

  /// All since the meter was made.
  Reorders read() const;

 private:
  void add(std::size_t bytes, std::chrono::nanoseconds time);
  std::atomic<std::int64_t> count_{0}, bytes_{0}, nanoseconds_{0};
};

}  // namespace strata
