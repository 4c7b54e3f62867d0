#include "core/device/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "core/device/device.h"

// The OpenMP runtime, where oneDNN brought it into the process. Our workers ask it for one thread each: slicing is
// ours. Weak, because a build without oneDNN has no such library.
extern "C" void omp_set_num_threads(int) __attribute__((weak));

namespace strata {

namespace {
constexpr int spins_before_sleep = 2000;

void pause() {
#if defined(__SSE2__)
  _mm_pause();
#endif
}

void one_openmp_thread() {
  thread_local bool done = false;
  if (!done && omp_set_num_threads != nullptr) omp_set_num_threads(1);
  done = true;
}

thread_local bool inside_task = false;
}  // namespace

struct ThreadPool::Impl {
  static constexpr std::uint64_t closed = 0xffffffffu;  // larger than any count: nothing left to take

  std::mutex serving;  // held by the caller whose loop is running
  /// The loop's number in the upper half, the next part in the lower. Whoever takes a part changes it from the value it
  /// saw, so a worker that wakes late can never take a part of a loop it did not mean to serve, and nobody waits for it.
  std::atomic<std::uint64_t> ticket{closed};
  std::atomic<std::uint32_t> round{0};
  std::atomic<int> count{0}, remaining{0};
  std::atomic<const std::function<void(int)>*> task{nullptr};
  std::atomic<bool> stop{false};
  std::mutex error_mutex;
  std::exception_ptr error;
  std::vector<std::thread> workers;

  void take_parts(std::uint32_t wanted) {
    inside_task = true;
    std::uint64_t seen = ticket.load(std::memory_order_acquire);
    while (static_cast<std::uint32_t>(seen >> 32) == wanted) {
      const auto part = static_cast<std::uint32_t>(seen);
      if (part >= static_cast<std::uint32_t>(count.load(std::memory_order_relaxed))) break;
      const auto* function = task.load(std::memory_order_relaxed);
      if (!ticket.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      run_part(*function, static_cast<int>(part));
      seen = ticket.load(std::memory_order_acquire);
    }
    inside_task = false;
  }

  void run_part(const std::function<void(int)>& function, int part) {
    try {
      function(part);
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
    if (remaining.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining.notify_all();
  }

  void work() {
    const FlushDenormals flush;
    one_openmp_thread();
    std::uint32_t seen = 0;
    for (;;) {
      for (int spin = 0; round.load(std::memory_order_acquire) == seen && spin < spins_before_sleep; ++spin) pause();
      while (round.load(std::memory_order_acquire) == seen) round.wait(seen);
      seen = round.load(std::memory_order_acquire);
      if (stop.load()) return;
      take_parts(seen);
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(std::max(1, threads)), impl_(std::make_unique<Impl>()) {
  for (int i = 1; i < threads_; ++i) impl_->workers.emplace_back([this] { impl_->work(); });
}

ThreadPool::~ThreadPool() {
  impl_->stop = true;
  impl_->round.fetch_add(1);
  impl_->round.notify_all();
  for (std::thread& w : impl_->workers) w.join();
}

void ThreadPool::run(int count, const std::function<void(int)>& task) {
  one_openmp_thread();
  std::unique_lock serving(impl_->serving, std::defer_lock);
  if (count <= 1 || threads_ == 1 || inside_task || !serving.try_lock()) {
    for (int i = 0; i < count; ++i) task(i);
    return;
  }
  Impl& s = *impl_;
  const std::uint32_t round = s.round.load(std::memory_order_relaxed) + 1;
  s.ticket.store(Impl::closed | (std::uint64_t{round} - 1) << 32, std::memory_order_release);
  s.task.store(&task, std::memory_order_relaxed);
  s.count.store(count, std::memory_order_relaxed);
  s.error = nullptr;
  s.remaining.store(count, std::memory_order_relaxed);
  s.ticket.store(std::uint64_t{round} << 32, std::memory_order_release);
  s.round.store(round, std::memory_order_release);
  s.round.notify_all();
  s.take_parts(round);
  for (int spin = 0; s.remaining.load(std::memory_order_acquire) != 0 && spin < 20 * spins_before_sleep; ++spin) pause();
  for (int left = s.remaining.load(std::memory_order_acquire); left != 0; left = s.remaining.load(std::memory_order_acquire))
    s.remaining.wait(left);
  if (s.error) std::rethrow_exception(s.error);
}

namespace {
struct SharedPool {
  std::mutex mutex;
  int threads = 0;
  std::shared_ptr<ThreadPool> pool;
};
SharedPool& shared_pool() {
  static SharedPool state;
  return state;
}
int all_processors() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }
}  // namespace

std::shared_ptr<ThreadPool> ThreadPool::shared() {
  SharedPool& state = shared_pool();
  const std::lock_guard lock(state.mutex);
  const int wanted = state.threads > 0 ? state.threads : all_processors();
  if (!state.pool || state.pool->threads() != wanted) state.pool = std::make_shared<ThreadPool>(wanted);
  return state.pool;
}

namespace config {
void set_num_threads(int threads) {
  SharedPool& state = shared_pool();
  const std::lock_guard lock(state.mutex);
  state.threads = std::max(0, threads);
}

int num_threads() {
  SharedPool& state = shared_pool();
  const std::lock_guard lock(state.mutex);
  return state.threads > 0 ? state.threads : all_processors();
}
}  // namespace config

int Cpu::parts_of(std::size_t n, std::size_t grain) const {
  const std::size_t most = n / std::max<std::size_t>(1, grain);
  return static_cast<int>(std::clamp<std::size_t>(most, 1, static_cast<std::size_t>(threads_)));
}

void Cpu::run(int parts, const std::function<void(int)>& task) {
  if (pool_ != nullptr) return pool_->run(parts, task);
  for (int i = 0; i < parts; ++i) task(i);
}

FlushDenormals::FlushDenormals() : saved_(0) {
#if defined(__SSE2__)
  saved_ = _mm_getcsr();
  _mm_setcsr(saved_ | 0x8040u);  // flush to zero, denormals are zero
#endif
}

FlushDenormals::~FlushDenormals() {
#if defined(__SSE2__)
  _mm_setcsr(saved_);
#endif
}

}  // namespace strata
