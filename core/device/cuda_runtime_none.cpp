// A build without CUDA.
#include "core/base/error.h"
#include "core/device/cuda_runtime.h"
#include "core/device/device.h"
#include "core/device/stream_watch.h"

namespace strata::cuda {

namespace {
[[noreturn]] void refuse() { throw Error("gpu", config::why_no_gpu()); }
}  // namespace

Backend backend() { return Backend::none; }
int device_count() { return 0; }
const DeviceProperties& properties(int) { refuse(); }
int make_current(int) { refuse(); }
MemoryInfo memory_info(int) { refuse(); }

Stream::Stream(int device) : device_(device) { refuse(); }
Stream::~Stream() = default;
void Stream::synchronize() { refuse(); }
bool is_recording(const Stream&) { refuse(); }

std::byte* allocate(Stream&, std::size_t) { refuse(); }
void release(Stream&, std::byte*) noexcept {}
void keep_released_memory(int, bool) { refuse(); }
std::byte* allocate_pinned(std::size_t) { refuse(); }
void release_pinned(std::byte*) noexcept {}
void copy(void*, const void*, std::size_t, Stream&) { refuse(); }
void fill_bytes(void*, int, std::size_t, Stream&) { refuse(); }

Event::Event(int device) : device_(device) { refuse(); }
Event::~Event() = default;
void Event::record(Stream&) { refuse(); }
void Event::hold_back(Stream&) const { refuse(); }
void Event::synchronize() const { refuse(); }
float Event::milliseconds_since(const Event&) const { refuse(); }

Graph::Graph(Stream&, const std::function<void()>&) { refuse(); }
Graph::~Graph() = default;
void Graph::launch(Stream&) const { refuse(); }

Module::Module(int device, std::span<const std::byte>) : device_(device) { refuse(); }
Module::~Module() = default;
void* Module::function(const char*) const { refuse(); }
void launch(void*, LaunchShape, void**, Stream&) { refuse(); }

}  // namespace strata::cuda
