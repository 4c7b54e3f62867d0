// A GPU that is emulated on the processor, for tests: its memory is ordinary memory that only this file gives out, a
// launch runs at once on the calling thread, and a recording keeps closures. What it proves is everything but the GPU.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/device/cuda_emulated.h"
#include "core/device/logical_gpus.h"
#include "core/device/stream_watch.h"

namespace strata::cuda {

namespace {
using Work = std::vector<std::function<void()>>;
constexpr int most_devices = 8;

struct Recording;

struct StreamState {
  int device;
  Work* recording = nullptr;  // where its work goes while it is recorded
  Recording* part_of = nullptr;
};

/// What goes on beside the recorded stream, from an event that another stream waits for to one that the first waits
/// for, comes into the recording as late as it may: whoever relies on less shows.
struct Recording {
  struct Branch {
    StreamState* stream;
    Work work;
    std::size_t joined = 0;  // how much of it is in the recording
  };
  StreamState* stream;
  Work work;
  std::deque<Branch> branches;

  Branch* branch_of(const StreamState& s) {
    const auto found = std::find_if(branches.begin(), branches.end(), [&](const Branch& b) { return b.stream == &s; });
    return found == branches.end() ? nullptr : &*found;
  }
  void add(StreamState& s) {
    branches.push_back({&s, {}});
    s.recording = &branches.back().work;
    s.part_of = this;
  }
  void join(Branch& b, std::size_t until) {
    for (; b.joined < until; ++b.joined) work.push_back(b.work[b.joined]);
  }
  void end() {
    stream->recording = nullptr;
    stream->part_of = nullptr;
    for (Branch& b : branches) {
      b.stream->recording = nullptr;
      b.stream->part_of = nullptr;
    }
  }
};

struct Block {
  int device;
  std::size_t bytes;
};

struct Emulated {
  std::mutex mutex;
  std::size_t limit = std::size_t{1} << 30;                                // of each device
  std::vector<std::size_t> used = std::vector<std::size_t>(most_devices);  // by each device's blocks
  std::unordered_map<std::byte*, Block> blocks;
  EmulatedCalls calls;
};
Emulated& emulated() {
  static auto& state = *new Emulated;
  return state;
}

StreamState& state_of(void* handle) { return *static_cast<StreamState*>(handle); }

[[noreturn]] void refuse_while_recording(const char* what) {
  throw Error("gpu", std::string(what) + " while work is being recorded");
}
}  // namespace

Backend backend() { return Backend::emulated; }
int device_count() {
  // Tests of the processor's ways want no GPU; those of the GPU's ask for one, or for several.
  static const int count = [] {
    const char* wanted = std::getenv("STRATA_EMULATED_GPU");
    return wanted == nullptr ? 0 : std::clamp(std::atoi(wanted) * logical_gpus(), 0, most_devices);
  }();
  return count;
}

const DeviceProperties& properties(int device) {
  static const auto& all = *new std::vector<DeviceProperties>([] {
    std::vector<DeviceProperties> made;
    for (int i = 0; i < most_devices; ++i)  // on a bus that no machine has
      made.push_back({"emulated on the processor, for tests", 9, 0, 4, std::size_t{1} << 30, 232448,
                      "ffff:0" + std::to_string(i / logical_gpus() + 1) + ":00.0"});
    return made;
  }());
  return all.at(static_cast<std::size_t>(device));
}

int make_current(int device) {
  thread_local int current = 0;
  return std::exchange(current, device);
}

MemoryInfo memory_info(int device) {
  Emulated& e = emulated();
  const std::lock_guard lock(e.mutex);
  return {e.limit - std::min(e.limit, e.used[static_cast<std::size_t>(device)]), e.limit};
}

void set_emulated_memory(std::size_t bytes) {
  const std::lock_guard lock(emulated().mutex);
  emulated().limit = bytes;
}

EmulatedCalls emulated_calls() {
  const std::lock_guard lock(emulated().mutex);
  return emulated().calls;
}

void enqueue(void* stream_handle, std::function<void()> work) {
  {
    const std::lock_guard lock(emulated().mutex);
    ++emulated().calls.enqueued;
  }
  StreamState& s = state_of(stream_handle);
  if (s.recording != nullptr)
    s.recording->push_back(std::move(work));
  else
    work();
}

Stream::Stream(int device) : device_(device), handle_(new StreamState{device}) {}
Stream::~Stream() { delete &state_of(handle_); }
bool is_recording(const Stream& stream) { return state_of(stream.handle()).recording != nullptr; }
void Stream::synchronize() {
  if (is_recording(*this)) refuse_while_recording("synchronize");
  detail::wait_watched(*this, [] { return true; });
  const std::lock_guard lock(emulated().mutex);
  ++emulated().calls.synchronizations;
}

std::byte* allocate(Stream& stream, std::size_t bytes) {
  if (state_of(stream.handle()).recording != nullptr) refuse_while_recording("an allocation");
  Emulated& e = emulated();
  const std::lock_guard lock(e.mutex);
  ++e.calls.allocations;
  std::size_t& used = e.used[static_cast<std::size_t>(stream.device())];
  if (used + bytes > e.limit) return nullptr;
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + 255) / 256 * 256;
  auto* data = static_cast<std::byte*>(std::aligned_alloc(256, rounded));
  if (data == nullptr) return nullptr;
  std::memset(data, 0xa5, rounded);  // what a kernel forgets to write shows
  used += bytes;
  e.blocks[data] = {stream.device(), bytes};
  return data;
}

void release(Stream&, std::byte* data) noexcept {
  Emulated& e = emulated();
  const std::lock_guard lock(e.mutex);
  const auto it = e.blocks.find(data);
  if (it == e.blocks.end()) return;
  e.used[static_cast<std::size_t>(it->second.device)] -= it->second.bytes;
  e.blocks.erase(it);
  std::free(data);
}

void keep_released_memory(int, bool) {}

std::byte* allocate_pinned(std::size_t bytes) {
  auto* data = static_cast<std::byte*>(std::malloc(std::max<std::size_t>(bytes, 1)));
  if (data == nullptr)
    throw MemoryError("gpu", "the system has no " + std::to_string(bytes) + " bytes of pinned memory left to give");
  return data;
}
void release_pinned(std::byte* data) noexcept { std::free(data); }

void copy(void* to, const void* from, std::size_t bytes, Stream& stream) {
  if (bytes == 0) return;
  enqueue(stream.handle(), [=] { std::memcpy(to, from, bytes); });
}
void fill_bytes(void* to, int value, std::size_t bytes, Stream& stream) {
  if (bytes == 0) return;
  enqueue(stream.handle(), [=] { std::memset(to, value, bytes); });
}

namespace {
using Clock = std::chrono::steady_clock;
struct EventState {
  Clock::time_point time;
  StreamState* stream = nullptr;  // on which it was recorded
  std::size_t position = 0;       // in that stream's part of a recording, behind what comes before it
};
EventState& event_of(void* handle) { return *static_cast<EventState*>(handle); }
}  // namespace
Event::Event(int device) : device_(device), handle_(new EventState) {}
Event::~Event() { delete &event_of(handle_); }
void Event::record(Stream& stream) {
  enqueue(stream.handle(), [handle = handle_] { event_of(handle).time = Clock::now(); });
  StreamState& s = state_of(stream.handle());
  event_of(handle_).stream = s.recording == nullptr ? nullptr : &s;
  event_of(handle_).position = s.recording == nullptr ? 0 : s.recording->size();
}
void Event::hold_back(Stream& stream) const {
  const EventState& event = event_of(handle_);
  StreamState& waiting = state_of(stream.handle());
  if (event.stream == nullptr || event.stream->part_of == nullptr) return;  // what it waits for has run
  Recording& recording = *event.stream->part_of;
  if (waiting.part_of == nullptr) recording.add(waiting);
  if (&waiting != recording.stream) return;
  if (Recording::Branch* b = recording.branch_of(*event.stream)) recording.join(*b, event.position);
}
void Event::synchronize() const {}
float Event::milliseconds_since(const Event& earlier) const {
  return std::chrono::duration<float, std::milli>(event_of(handle_).time - event_of(earlier.handle_).time).count();
}

Graph::Graph(Stream& stream, const std::function<void()>& enqueue) {
  StreamState& s = state_of(stream.handle());
  if (s.recording != nullptr) refuse_while_recording("a recording");
  Recording recording{&s, {}, {}};
  s.recording = &recording.work;
  s.part_of = &recording;
  try {
    enqueue();
  } catch (...) {
    recording.end();
    throw;
  }
  recording.end();
  for (const Recording::Branch& b : recording.branches)
    if (b.joined < b.work.size())
      throw Error("gpu", "a recording ends before work that it has begun on another stream");
  nodes_ = recording.work.size();
  handle_ = new Work(std::move(recording.work));
}
Graph::~Graph() { delete static_cast<Work*>(handle_); }
void Graph::launch(Stream& stream) const {
  if (state_of(stream.handle()).recording != nullptr) refuse_while_recording("a replay");
  {
    const std::lock_guard lock(emulated().mutex);
    ++emulated().calls.graph_launches;
  }
  for (const auto& work : *static_cast<const Work*>(handle_)) work();
}

// Generated kernels run through the processor's own tile functions here, so no machine code is ever loaded.
namespace {
[[noreturn]] void no_code() { throw Error("gpu", "an emulated GPU cannot run machine code for a GPU"); }
}  // namespace
Module::Module(int device, std::span<const std::byte>) : device_(device) { no_code(); }
Module::~Module() = default;
void* Module::function(const char*) const { no_code(); }
void launch(void*, LaunchShape, void**, Stream&) { no_code(); }

}  // namespace strata::cuda
