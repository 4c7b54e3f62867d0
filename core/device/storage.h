#pragma once

#include <cstddef>
#include <memory>

#include "core/base/export.h"
#include "core/device/device.h"

namespace strata {

/// A block of memory on a device, counted against that device's limit while it lives. 64-byte aligned on a processor, 256 on
/// a GPU. That of a GPU is given and taken back in the order of the work there (Cuda::stream).
class STRATA_API Storage {
 public:
  /// Uninitialized memory. Error when the device's memory limit or the system refuses it: names bytes asked and free.
  static std::shared_ptr<Storage> allocate(Device, std::size_t bytes);
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  Storage(Device device, std::byte* data, std::size_t bytes) : device_(device), data_(data), bytes_(bytes) {}
  Device device_;
  std::byte* data_;
  std::size_t bytes_;
};

/// Copies bytes between any two devices. To and from a GPU it waits for the work there, and for the copy where the
/// processor's memory is involved.
STRATA_API void copy_memory(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);

}  // namespace strata
