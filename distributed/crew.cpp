#include "distributed/crew.h"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace strata::distribute {

struct Crew::State {
  std::mutex mutex;
  std::condition_variable begins, ends;
  const std::function<void(int)>* task = nullptr;
  std::uint64_t round = 0;
  int members = 0, busy = 0;
  bool closing = false;
  std::exception_ptr error;
  std::vector<std::thread> threads;

  void attempt(const std::function<void(int)>& f, int member) {
    try {
      f(member);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  }

  void work(int member, std::uint64_t seen) {
    std::unique_lock lock(mutex);
    for (;;) {
      begins.wait(lock, [&] { return closing || round != seen; });
      if (closing) return;
      seen = round;
      if (member >= members) continue;
      const std::function<void(int)>& f = *task;
      lock.unlock();
      attempt(f, member);
      lock.lock();
      if (--busy == 0) ends.notify_all();
    }
  }
};

Crew::Crew() : state_(std::make_unique<State>()) {}

Crew::~Crew() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  state_->begins.notify_all();
  for (std::thread& t : state_->threads) t.join();
}

void Crew::run(int members, const std::function<void(int)>& task) {
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    for (int member = static_cast<int>(s.threads.size()) + 1; member < members; ++member)
      s.threads.emplace_back([&s, member, seen = s.round] { s.work(member, seen); });
    s.task = &task;
    s.members = members;
    s.busy = members - 1;
    s.error = nullptr;
    ++s.round;
  }
  s.begins.notify_all();
  s.attempt(task, 0);
  std::unique_lock lock(s.mutex);
  s.ends.wait(lock, [&] { return s.busy == 0; });
  if (s.error) std::rethrow_exception(std::exchange(s.error, nullptr));
}

}  // namespace strata::distribute
