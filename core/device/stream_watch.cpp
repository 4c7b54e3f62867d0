#include "core/device/stream_watch.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace strata::cuda {

Watch::~Watch() = default;

namespace {
using Watches = std::vector<std::weak_ptr<Watch>>;

/// By stream. The streams that are watched are those of devices (Cuda), which are never destroyed.
struct Watched {
  std::mutex mutex;
  std::unordered_map<const Stream*, Watches> streams;
};
Watched& watched() {
  static auto& all = *new Watched;
  return all;
}

std::vector<std::shared_ptr<Watch>> watches_of(const Stream& stream) {
  const std::lock_guard lock(watched().mutex);
  const auto found = watched().streams.find(&stream);
  if (found == watched().streams.end()) return {};
  std::erase_if(found->second, [](const std::weak_ptr<Watch>& w) { return w.expired(); });
  std::vector<std::shared_ptr<Watch>> alive;
  for (const auto& known : found->second)
    if (auto watch = known.lock()) alive.push_back(std::move(watch));
  return alive;
}
}  // namespace

void watch(const Stream& stream, std::weak_ptr<Watch> watch) {
  const std::lock_guard lock(watched().mutex);
  watched().streams[&stream].push_back(std::move(watch));
}

bool detail::wait_watched(const Stream& stream, const std::function<bool()>& done) {
  constexpr int short_waits = 200;  // then whoever waits takes no more of the processor than it must
  const auto watches = watches_of(stream);
  if (watches.empty()) return false;
  const auto begin = std::chrono::steady_clock::now();
  for (int looks = 0;; ++looks) {
    const bool over = done();  // before the look: what ended because it was aborted is not done
    for (const auto& watch : watches) watch->look(std::chrono::steady_clock::now() - begin);
    if (over) return true;
    if (looks < short_waits)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

}  // namespace strata::cuda
