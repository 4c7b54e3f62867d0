#include "core/device/storage.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/base/error.h"
#include "core/device/allocation_budget.h"
#include "core/device/cuda.h"
#include "core/device/device_info.h"
#include "core/device/device_limits.h"

namespace strata {

namespace {
constexpr std::size_t alignment = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;

/// What a device's memory is asked for and has given.
struct Account {
  std::atomic<std::int64_t> limit{0}, used{0}, peak{0};
};

Account& account(Device d) {
  static std::array<Account, processor_names> processors;
  // Never destroyed: tensors in a program's own statics may go later.
  static auto& gpus = *new std::vector<Account>(static_cast<std::size_t>(cuda::device_count()));
  const auto index = static_cast<std::size_t>(d.index);
  return d.kind == DeviceKind::cpu ? processors.at(index) : gpus.at(index);
}

void raise_peak(Account& a, std::int64_t used) {
  std::int64_t peak = a.peak.load();
  while (peak < used && !a.peak.compare_exchange_weak(peak, used)) {
  }
}

std::byte* take_from_processor(std::size_t bytes) {
  const std::size_t block = bytes >= huge_page ? huge_page : alignment;
  const std::size_t rounded = (bytes + block - 1) / block * block;
  void* data = std::aligned_alloc(block, rounded == 0 ? block : rounded);
  // A hint: fewer page faults and TLB misses. What does not fill a huge page stays on small ones: the first byte of a
  // huge page takes all of it, and a network has many weights that are a little larger than one.
  if (data != nullptr && block == huge_page) madvise(data, bytes / huge_page * huge_page, MADV_HUGEPAGE);
  return static_cast<std::byte*>(data);
}

std::byte* take_from_gpu(int index, std::size_t bytes) {
  Cuda& gpu = Cuda::of(index);
  const Cuda::Use use(gpu);
  return cuda::allocate(gpu.stream(), bytes);
}

/// The right to enqueue on two devices at once. The one of the smaller number is locked first, whoever copies where:
/// two copies in opposite directions would wait for each other for ever.
class UseOfBoth {
 public:
  UseOfBoth(Cuda& a, Cuda& b) : first_(a.device() < b.device() ? a : b), second_(a.device() < b.device() ? b : a) {}

 private:
  const Cuda::Use first_, second_;
};

void copy_between_gpus(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  Cuda &source = Cuda::of(from_device.index), &target = Cuda::of(to_device.index);
  const UseOfBoth use(source, target);
  source.stream().synchronize();
  cuda::copy(to, from, bytes, target.stream());
  target.stream().synchronize();
}

std::string no_memory_left(Device device, std::size_t bytes) {
  if (device.kind == DeviceKind::cpu)
    return "the system has no " + std::to_string(bytes) + " bytes of memory left to give";
  const cuda::MemoryInfo memory = cuda::memory_info(device.index);
  const std::string holders = config::memory_holders(device);
  return "has no " + std::to_string(bytes) + " bytes of memory left to give: " + std::to_string(memory.free) + " of " +
         std::to_string(memory.total) + " are free, and this process holds " +
         std::to_string(config::memory_in_use(device)) + ". " + (holders.empty() ? "" : holders + ". ") +
         "Use a smaller batch, or end what else runs on the GPU";
}
}  // namespace

std::shared_ptr<Storage> Storage::allocate(Device device, std::size_t bytes) {
  AllocationBudget::take(bytes);
  Account& a = account(device);
  const auto size = static_cast<std::int64_t>(bytes);
  const std::int64_t used = a.used.fetch_add(size) + size, limit = a.limit.load();
  if (limit > 0 && used > limit) {
    a.used.fetch_sub(size);
    throw MemoryError(to_string(device),
                      "the memory limit of " + std::to_string(limit) + " bytes does not allow " +
                          std::to_string(bytes) + " more: " + std::to_string(used - size) +
                          " are in use. Raise it with config::set_memory_limit or use a smaller batch");
  }
  std::byte* data = device.kind == DeviceKind::cpu ? take_from_processor(bytes) : take_from_gpu(device.index, bytes);
  if (data == nullptr) {
    a.used.fetch_sub(size);
    throw MemoryError(to_string(device), no_memory_left(device, bytes));
  }
  raise_peak(a, used);
  return std::shared_ptr<Storage>(new Storage(device, data, bytes));
}

Storage::~Storage() {
  if (device_.kind == DeviceKind::cpu) {
    std::free(data_);
  } else {
    Cuda& gpu = Cuda::of(device_.index);
    const Cuda::Use use(gpu);
    cuda::release(gpu.stream(), data_);
  }
  account(device_).used.fetch_sub(static_cast<std::int64_t>(bytes_));
}

void copy_memory(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
  const bool to_gpu = to_device.kind == DeviceKind::gpu, from_gpu = from_device.kind == DeviceKind::gpu;
  if (!to_gpu && !from_gpu) {
    std::memcpy(to, from, bytes);
    return;
  }
  if (to_gpu && from_gpu && to_device != from_device) {
    copy_between_gpus(to, to_device, from, from_device, bytes);
    return;
  }
  Cuda& gpu = Cuda::of(from_gpu ? from_device.index : to_device.index);
  const Cuda::Use use(gpu);
  cuda::copy(to, from, bytes, gpu.stream());
  if (!(to_gpu && from_gpu)) gpu.stream().synchronize();
}

namespace config {
void set_memory_limit(std::string_view name, std::int64_t bytes) {
  const Device device = device_from_string(name);
  if (bytes < 0) fail_expected("set_memory_limit", "bytes, or 0 for no limit", std::to_string(bytes));
  account(device).limit = bytes;
}
std::int64_t memory_limit(Device d) { return account(d).limit; }
std::int64_t memory_in_use(Device d) { return account(d).used; }
std::int64_t peak_memory_in_use(Device d) { return account(d).peak; }
}  // namespace config

}  // namespace strata
