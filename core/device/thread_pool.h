#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/base/export.h"

namespace strata {

/// Workers that run ranges of one loop at a time together with the thread that asked. Waiting spins briefly, then
/// sleeps, so that idle workers cost nothing.
class STRATA_API ThreadPool {
 public:
  /// `threads` counts the calling thread: a pool of one has no workers.
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int threads() const { return threads_; }
  /// Runs task(0) ... task(count-1), each once; returns when all are done. The first exception is rethrown. While the
  /// pool serves another caller, or from within a task, everything runs on the calling thread: same result, later.
  void run(int count, const std::function<void(int)>& task);

  /// The pool that plans of this process share, with config::num_threads() threads.
  static std::shared_ptr<ThreadPool> shared();

 private:
  struct Impl;
  int threads_;
  std::unique_ptr<Impl> impl_;
};

/// What a CPU kernel gets: a way to use several threads. The split of a loop depends on threads() only, never on how
/// busy the machine is, so results are the same from run to run.
class STRATA_API Cpu {
 public:
  /// Serial.
  Cpu() = default;
  explicit Cpu(ThreadPool& pool) : pool_(&pool), threads_(pool.threads()) {}

  int threads() const { return threads_; }

  /// f(begin, end, part) over a partition of [0, n) into at most threads() parts of at least `grain` elements.
  template <class F>
  void parallel_ranges(std::size_t n, std::size_t grain, F&& f) {
    const int parts = parts_of(n, grain);
    if (n == 0) return;
    if (parts == 1) return f(std::size_t{0}, n, 0);
    run(parts, [&](int p) {
      const auto i = static_cast<std::size_t>(p), k = static_cast<std::size_t>(parts);
      f(n * i / k, n * (i + 1) / k, p);
    });
  }

  /// f(i) for every i in [0, n), in ranges of at least `grain`.
  template <class F>
  void parallel_for(std::size_t n, F&& f, std::size_t grain = 4096) {
    parallel_ranges(n, grain, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) f(i);
    });
  }

  /// How many parts parallel_ranges makes.
  int parts_of(std::size_t n, std::size_t grain) const;

 private:
  void run(int parts, const std::function<void(int)>& task);
  ThreadPool* pool_ = nullptr;
  int threads_ = 1;
};

/// Subnormal numbers count as zero while it lives, on this thread: they would cost a hundred cycles each.
class STRATA_API FlushDenormals {
 public:
  FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
  ~FlushDenormals();

 private:
  std::uint32_t saved_;
};

}  // namespace strata
