#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/base/export.h"

/// What Strata needs of CUDA's runtime, without its headers. Three implementations, of which the build links one
/// (cmake/StrataCuda.cmake): CUDA itself, a GPU emulated on the processor for tests, and none. With none, or without a
/// driver or a GPU, device_count() is 0 and everything else is an Error that says why (config::why_no_gpu).
/// Every call that CUDA refuses is an Error with the call and CUDA's own words.
namespace strata::cuda {

enum class Backend : std::uint8_t { none, emulated, cuda };
Backend backend();

struct DeviceProperties {
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  std::size_t total_memory = 0;
  std::size_t shared_memory_per_block = 0;  ///< the most that a kernel may ask for
  std::string bus;                          ///< PCI address, "0000:3b:00.0"
};

/// Devices that this process sees: those that CUDA_VISIBLE_DEVICES leaves.
int device_count();
const DeviceProperties& properties(int device);

/// Makes it the calling thread's device, on which kernels are launched; returns the one before.
int make_current(int device);

struct MemoryInfo {
  std::size_t free = 0, total = 0;
};
MemoryInfo memory_info(int device);

/// A queue of work on one device, in order. Not for several threads at once.
class Stream {
 public:
  explicit Stream(int device);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();
  int device() const { return device_; }
  /// CUDA's own handle (cudaStream_t), for libraries. Of an emulated stream: its StreamState.
  void* handle() const { return handle_; }
  /// Waits until all work is done. Errors of kernels come out here.
  void synchronize();

 private:
  int device_;
  void* handle_ = nullptr;
};

/// Memory of a device, given and taken back in the order of the stream. Null when the device has none left.
std::byte* allocate(Stream&, std::size_t bytes);
void release(Stream&, std::byte*) noexcept;
/// Keeps what is given back for this process (true), or returns it to the system (false).
void keep_released_memory(int device, bool keep);

/// Host memory from which a device copies without another copy in between. Error when the system refuses.
std::byte* allocate_pinned(std::size_t bytes);
void release_pinned(std::byte*) noexcept;

/// Enqueues a copy between any two places. Host memory that is not pinned is read or written before the call returns.
void copy(void* to, const void* from, std::size_t bytes, Stream&);
void fill_bytes(void* to, int value, std::size_t bytes, Stream&);

/// A point in a stream that others can wait for.
class Event {
 public:
  explicit Event(int device);
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();
  void record(Stream&);
  /// Work enqueued on the stream from now on starts after the recorded point.
  void hold_back(Stream&) const;
  /// Waits on the host.
  void synchronize() const;
  /// Milliseconds from an earlier event, both reached.
  float milliseconds_since(const Event& earlier) const;

 private:
  [[maybe_unused]] int device_;  // the emulated runtime has no use for it
  void* handle_ = nullptr;
};

/// Work recorded once and replayed with one call.
class Graph {
 public:
  /// Records what `enqueue` puts on the stream; nothing runs. An exception of enqueue ends the recording and passes.
  Graph(Stream&, const std::function<void()>& enqueue);
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph();
  void launch(Stream&) const;
  /// Kernels and copies in it.
  std::size_t nodes() const { return nodes_; }

 private:
  void* handle_ = nullptr;
  std::size_t nodes_ = 0;
};

/// Machine code loaded to a device.
class Module {
 public:
  Module(int device, std::span<const std::byte> code);
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  ~Module();
  /// A kernel of it, by its unmangled name.
  void* function(const char* name) const;

 private:
  [[maybe_unused]] int device_;  // the emulated runtime loads no code
  [[maybe_unused]] void* handle_ = nullptr;
};

struct LaunchShape {
  unsigned blocks = 1, threads = 1;
  unsigned shared_bytes = 0;
};
/// Enqueues a kernel of a Module. `arguments` are pointers to its parameters, in order.
void launch(void* function, LaunchShape, void** arguments, Stream&);

}  // namespace strata::cuda
