// CUDA's runtime, linked statically: it looks for the driver when it is first called, so a program starts without one.
#include "core/device/cuda_runtime.h"

#include <cuda_runtime_api.h>

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/device/logical_gpus.h"
#include "core/device/stream_watch.h"

namespace strata::cuda {

namespace {
void check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // errors that do not stick are not reported twice
  throw Error("gpu",
              std::string(call) + " failed: " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")");
}

/// Of a query: whether what was asked for is behind.
bool is_over(cudaError_t status, const char* call) {
  if (status != cudaErrorNotReady) check(status, call);
  cudaGetLastError();
  return status == cudaSuccess;
}

/// CUDA's number of the GPU that a device is, or a part of.
int physical(int device) { return device / logical_gpus(); }

/// The calling thread's device while it lives.
class OnDevice {
 public:
  explicit OnDevice(int device) : previous_(make_current(device)) {}
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { cudaSetDevice(physical(previous_)); }

 private:
  int previous_;
};

cudaStream_t raw(void* handle) { return static_cast<cudaStream_t>(handle); }
cudaEvent_t event_of(void* handle) { return static_cast<cudaEvent_t>(handle); }

int attribute(cudaDeviceAttr what, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, what, device), "cudaDeviceGetAttribute");
  return value;
}

DeviceProperties read_properties(int device) {
  cudaDeviceProp p{};
  check(cudaGetDeviceProperties(&p, device), "cudaGetDeviceProperties");
  char bus[32] = "";
  check(cudaDeviceGetPCIBusId(bus, sizeof bus, device), "cudaDeviceGetPCIBusId");
  return {p.name,
          p.major,
          p.minor,
          p.multiProcessorCount,
          p.totalGlobalMem,
          static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device)),
          bus};
}
}  // namespace

Backend backend() { return Backend::cuda; }

int device_count() {
  static const int count = [] {
    int n = 0;
    if (cudaGetDeviceCount(&n) == cudaSuccess) return n * logical_gpus();
    cudaGetLastError();
    return 0;
  }();
  return count;
}

const DeviceProperties& properties(int device) {
  static const std::vector<DeviceProperties> all = [] {
    std::vector<DeviceProperties> list;
    for (int i = 0; i < device_count(); ++i) list.push_back(read_properties(physical(i)));
    return list;
  }();
  return all.at(static_cast<std::size_t>(device));
}

int make_current(int device) {
  int previous = 0;
  check(cudaGetDevice(&previous), "cudaGetDevice");
  if (physical(device) != previous) check(cudaSetDevice(physical(device)), "cudaSetDevice");
  return previous * logical_gpus();
}

MemoryInfo memory_info(int device) {
  const OnDevice scope(device);
  MemoryInfo info;
  check(cudaMemGetInfo(&info.free, &info.total), "cudaMemGetInfo");
  return info;
}

Stream::Stream(int device) : device_(device) {
  const OnDevice scope(device);
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  handle_ = stream;
}
Stream::~Stream() { cudaStreamDestroy(raw(handle_)); }
void Stream::synchronize() {
  const auto done = [&] { return is_over(cudaStreamQuery(raw(handle_)), "cudaStreamQuery"); };
  if (!detail::wait_watched(*this, done)) check(cudaStreamSynchronize(raw(handle_)), "cudaStreamSynchronize");
}

bool is_recording(const Stream& stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(raw(stream.handle()), &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

std::byte* allocate(Stream& stream, std::size_t bytes) {
  const OnDevice scope(stream.device());
  void* data = nullptr;
  const cudaError_t status = cudaMallocAsync(&data, bytes == 0 ? 1 : bytes, raw(stream.handle()));
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check(status, "cudaMallocAsync");
  return static_cast<std::byte*>(data);
}
void release(Stream& stream, std::byte* data) noexcept {
  if (data != nullptr) cudaFreeAsync(data, raw(stream.handle()));
}

void keep_released_memory(int device, bool keep) {
  const OnDevice scope(device);
  cudaMemPool_t pool = nullptr;
  check(cudaDeviceGetDefaultMemPool(&pool, physical(device)), "cudaDeviceGetDefaultMemPool");
  std::uint64_t threshold = keep ? UINT64_MAX : 0;
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold), "cudaMemPoolSetAttribute");
}

std::byte* allocate_pinned(std::size_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaHostAlloc(&data, bytes == 0 ? 1 : bytes, cudaHostAllocPortable);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw MemoryError("gpu", "the system has no " + std::to_string(bytes) + " bytes of pinned memory left to give");
  }
  check(status, "cudaHostAlloc");
  return static_cast<std::byte*>(data);
}
void release_pinned(std::byte* data) noexcept {
  if (data != nullptr) cudaFreeHost(data);
}

void copy(void* to, const void* from, std::size_t bytes, Stream& stream) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, raw(stream.handle())), "cudaMemcpyAsync");
}
void fill_bytes(void* to, int value, std::size_t bytes, Stream& stream) {
  if (bytes > 0) check(cudaMemsetAsync(to, value, bytes, raw(stream.handle())), "cudaMemsetAsync");
}

Event::Event(int device) : device_(device) {
  const OnDevice scope(device);
  cudaEvent_t event = nullptr;
  check(cudaEventCreate(&event), "cudaEventCreate");
  handle_ = event;
}
Event::~Event() { cudaEventDestroy(event_of(handle_)); }
void Event::record(Stream& stream) {
  check(cudaEventRecord(event_of(handle_), raw(stream.handle())), "cudaEventRecord");
}
void Event::hold_back(Stream& stream) const {
  check(cudaStreamWaitEvent(raw(stream.handle()), event_of(handle_), 0), "cudaStreamWaitEvent");
}
void Event::synchronize() const { check(cudaEventSynchronize(event_of(handle_)), "cudaEventSynchronize"); }
float Event::milliseconds_since(const Event& earlier) const {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, event_of(earlier.handle_), event_of(handle_)), "cudaEventElapsedTime");
  return milliseconds;
}

Graph::Graph(Stream& stream, const std::function<void()>& enqueue) {
  // Thread-local: what other threads call on CUDA meanwhile does not break the recording.
  check(cudaStreamBeginCapture(raw(stream.handle()), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  cudaGraph_t graph = nullptr;
  try {
    enqueue();
  } catch (...) {
    cudaStreamEndCapture(raw(stream.handle()), &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();
    throw;
  }
  check(cudaStreamEndCapture(raw(stream.handle()), &graph), "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t counted = cudaGraphGetNodes(graph, nullptr, &nodes_);
  const cudaError_t made = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(counted, "cudaGraphGetNodes");
  check(made, "cudaGraphInstantiate");
  handle_ = executable;
}
Graph::~Graph() { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(handle_)); }
void Graph::launch(Stream& stream) const {
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(handle_), raw(stream.handle())), "cudaGraphLaunch");
}

Module::Module(int device, std::span<const std::byte> code) : device_(device) {
  const OnDevice scope(device);
  cudaLibrary_t library = nullptr;
  check(cudaLibraryLoadData(&library, code.data(), nullptr, nullptr, 0, nullptr, nullptr, 0), "cudaLibraryLoadData");
  handle_ = library;
}
Module::~Module() { cudaLibraryUnload(static_cast<cudaLibrary_t>(handle_)); }
void* Module::function(const char* name) const {
  const OnDevice scope(device_);
  cudaKernel_t kernel = nullptr;
  check(cudaLibraryGetKernel(&kernel, static_cast<cudaLibrary_t>(handle_), name), "cudaLibraryGetKernel");
  return kernel;
}

void launch(void* function, LaunchShape shape, void** arguments, Stream& stream) {
  const OnDevice scope(stream.device());
  check(cudaLaunchKernel(function, dim3(shape.blocks), dim3(shape.threads), arguments, shape.shared_bytes,
                         raw(stream.handle())),
        "cudaLaunchKernel");
}

}  // namespace strata::cuda
