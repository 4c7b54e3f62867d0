#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/export.h"

namespace strata {

enum class DeviceKind : std::uint8_t { cpu, gpu };

/// Where numbers live and kernels run: `gpu:1`; or `cpu:0` to `cpu:63`, which all name the processor, with limits apart.
struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

STRATA_API std::string to_string(Device);
/// "cpu", "cpu:0", "gpu:1", "/GPU:0", "/device:GPU:0". Error for other spellings, and for a GPU that is not there: it
/// lists the devices that are, and says why there is no GPU. Every `cpu:N` is there.
STRATA_API Device device_from_string(std::string_view name);

/// While it lives, new tensors and variables of this thread are made, and steps planned, on the device named.
class STRATA_API DeviceScope {
 public:
  explicit DeviceScope(std::string_view name);
  explicit DeviceScope(Device);
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;
  ~DeviceScope();

 private:
  Device previous_;
};

/// The innermost DeviceScope's device, cpu:0 without one.
STRATA_API Device current_device();

struct PhysicalDevice {
  std::string name;                ///< "cpu:0"
  std::string description;         ///< the processor's own name
  std::int64_t memory_bytes = 0;   ///< installed memory
  std::string compute_capability;  ///< of a GPU, "9.0"; for a CPU the instruction set level that is used
};

namespace config {
/// All devices, or those of one kind ("cpu", "gpu").
STRATA_API std::vector<PhysicalDevice> list_physical_devices(std::string_view kind = "");
STRATA_API bool is_built_with_cuda();
/// All that stands in the way of a GPU and what to do about each, as sentences; empty when one can be used (device_info.h).
STRATA_API std::string why_no_gpu();

/// An upper bound, in bytes, on what tensors, variables and plans may hold on a device; 0 lifts it. A step that
/// would not fit is refused before it runs.
STRATA_API void set_memory_limit(std::string_view device, std::int64_t bytes);
STRATA_API std::int64_t memory_limit(Device);
/// For a GPU: take memory as it is needed (true) or reserve the limit at once. Error for a CPU, which always grows.
STRATA_API void set_memory_growth(std::string_view device, bool grow);
/// Bytes that tensors, variables and plans hold now, and the most they ever held.
STRATA_API std::int64_t memory_in_use(Device);
STRATA_API std::int64_t peak_memory_in_use(Device);

/// On a GPU, products and convolutions of f32 round their operands to TF32's 10 bits of fraction: several times faster where the
/// GPU has it (compute capability 8.0), at errors near 1e-3. Off unless it is switched on. Takes effect for steps planned later.
STRATA_API void enable_tensor_float_32(bool enabled = true);
STRATA_API bool tensor_float_32_enabled();
/// On a GPU, the ways that cuDNN knows for a convolution are timed when a step is planned, and the fastest is kept on the disk;
/// otherwise its first proposal is believed. Takes seconds for each new shape.
STRATA_API void enable_convolution_measuring(bool enabled = true);

/// Threads that kernels use, the calling one included. 0 means all processors. Takes effect for steps planned later.
STRATA_API void set_num_threads(int threads);
STRATA_API int num_threads();
}  // namespace config

}  // namespace strata
