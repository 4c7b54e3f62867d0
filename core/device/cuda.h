#pragma once

#include <memory>
#include <mutex>
#include <typeindex>
#include <unordered_map>

#include "core/base/export.h"
#include "core/device/cuda_runtime.h"

namespace strata {

/// What a CUDA kernel is prepared for.
struct CudaTarget {
  int device = 0;
  const cuda::DeviceProperties* properties = nullptr;
  /// Products and convolutions of f32 may round their operands to TF32's 10 bits (config::enable_tensor_float_32).
  bool tensor_float_32 = false;
  /// Ways to compute a convolution are tried out when a step is planned (config::enable_convolution_measuring).
  bool measure_convolutions = false;
};

/// What a CUDA kernel gets: a device's queue of work, and the handles of the libraries that work on it. One per device
/// and process; whoever enqueues on it holds a Use, so that steps of several threads follow one another whole.
class STRATA_API Cuda {
 public:
  /// The right of the calling thread to enqueue, and its current device.
  class STRATA_API Use {
   public:
    explicit Use(Cuda& gpu) : lock_(gpu.mutex_), previous_(cuda::make_current(gpu.device())) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();

   private:
    std::unique_lock<std::recursive_mutex> lock_;
    int previous_;
  };

  /// While it lives, stream() is one on which work runs beside that of the usual one.
  class STRATA_API Aside {
   public:
    explicit Aside(Cuda& gpu) : gpu_(gpu) { gpu_.current_ = &gpu_.side_stream_; }
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;
    ~Aside() { gpu_.current_ = &gpu_.stream_; }

   private:
    Cuda& gpu_;
  };

  /// The one of gpu:`device`, made at first use. Error when there is no such device.
  static Cuda& of(int device);
  Cuda(const Cuda&) = delete;
  Cuda& operator=(const Cuda&) = delete;

  int device() const { return stream_.device(); }
  const cuda::DeviceProperties& properties() const { return cuda::properties(device()); }
  cuda::Stream& stream() { return *current_; }
  /// Copies from the host run beside the kernels here.
  cuda::Stream& copy_stream() { return copy_stream_; }
  CudaTarget target() const;

  /// A library's handle for this device, made as T(Cuda&) when it is first asked for.
  template <class T>
  T& library() {
    auto& place = libraries_[std::type_index(typeid(T))];
    if (!place) place = std::make_shared<T>(*this);
    return *static_cast<T*>(place.get());
  }

 private:
  explicit Cuda(int device) : stream_(device), copy_stream_(device), side_stream_(device) {}
  cuda::Stream stream_, copy_stream_, side_stream_;
  cuda::Stream* current_ = &stream_;
  std::recursive_mutex mutex_;
  std::unordered_map<std::type_index, std::shared_ptr<void>> libraries_;
};

}  // namespace strata
