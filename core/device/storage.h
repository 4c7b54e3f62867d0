#pragma once

#include <cstddef>
#include <memory>

#include "core/base/export.h"
#include "core/device/device.h"

namespace strata {

/// A block of memory on a device, counted against that device's limit while it lives. 64-byte aligned.
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

}  // namespace strata
