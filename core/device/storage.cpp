#include "core/device/storage.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>

#include "core/base/error.h"
#include "core/device/allocation_budget.h"

namespace strata {

namespace {
constexpr std::size_t alignment = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;

/// What a device's memory is asked for and has given.
struct Account {
  std::atomic<std::int64_t> limit{0}, used{0}, peak{0};
};
Account& account(Device device) {
  static std::array<std::array<Account, max_devices_of_a_kind>, 2> accounts;
  return accounts.at(static_cast<std::size_t>(device.kind)).at(static_cast<std::size_t>(device.index));
}

void raise_peak(Account& a, std::int64_t used) {
  std::int64_t peak = a.peak.load();
  while (peak < used && !a.peak.compare_exchange_weak(peak, used)) {
  }
}
}  // namespace

std::shared_ptr<Storage> Storage::allocate(Device device, std::size_t bytes) {
  const std::size_t block = bytes >= huge_page ? huge_page : alignment;
  const std::size_t rounded = (bytes + block - 1) / block * block;
  AllocationBudget::take(bytes);
  Account& a = account(device);
  const auto size = static_cast<std::int64_t>(bytes);
  const std::int64_t used = a.used.fetch_add(size) + size, limit = a.limit.load();
  if (limit > 0 && used > limit) {
    a.used.fetch_sub(size);
    throw MemoryError(to_string(device), "the memory limit of " + std::to_string(limit) + " bytes does not allow " +
                                       std::to_string(bytes) + " more: " + std::to_string(used - size) +
                                       " are in use. Raise it with config::set_memory_limit or use a smaller batch");
  }
  void* data = std::aligned_alloc(block, rounded == 0 ? block : rounded);
  if (data == nullptr) {
    a.used.fetch_sub(size);
    throw MemoryError(to_string(device), "the system has no " + std::to_string(bytes) + " bytes of memory left to give");
  }
  if (block == huge_page) madvise(data, rounded, MADV_HUGEPAGE);  // a hint: fewer page faults and TLB misses
  raise_peak(a, used);
  return std::shared_ptr<Storage>(new Storage(device, static_cast<std::byte*>(data), bytes));
}

Storage::~Storage() {
  std::free(data_);
  account(device_).used.fetch_sub(static_cast<std::int64_t>(bytes_));
}

namespace config {
void set_memory_limit(std::string_view name, std::int64_t bytes) {
  const Device device = device_from_string(name);
  if (bytes < 0) fail_expected("set_memory_limit", "bytes, or 0 for no limit", std::to_string(bytes));
  account(device).limit = bytes;
}
std::int64_t memory_limit(Device device) { return account(device).limit; }
std::int64_t memory_in_use(Device device) { return account(device).used; }
std::int64_t peak_memory_in_use(Device device) { return account(device).peak; }
}  // namespace config

}  // namespace strata
