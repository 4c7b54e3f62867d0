#include "core/device/allocation_budget.h"

#include <limits>

#include "core/base/error.h"

namespace strata {

namespace {
thread_local const AllocationBudget* innermost = nullptr;
}  // namespace

AllocationBudget::AllocationBudget(std::string where, std::uint64_t bytes)
    : where_(std::move(where)), granted_(bytes), left_(bytes), outer_(innermost) {
  innermost = this;
}

AllocationBudget::~AllocationBudget() { innermost = outer_; }

void AllocationBudget::take(std::uint64_t bytes) {
  const AllocationBudget* const budget = innermost;
  if (!budget) return;
  if (bytes > budget->left_)
    throw MemoryError(budget->where_, "asks for more memory than its size accounts for: " + std::to_string(bytes) +
                                          " bytes more, of which " + std::to_string(budget->left_) + " of " +
                                          std::to_string(budget->granted_) + " are left");
  budget->left_ -= bytes;
}

void AllocationBudget::take_table(std::int64_t entries, std::size_t bytes_each) {
  std::uint64_t bytes = 0;
  if (entries > 0 && __builtin_mul_overflow(static_cast<std::uint64_t>(entries), bytes_each, &bytes))
    bytes = std::numeric_limits<std::uint64_t>::max();
  take(bytes);
}

}  // namespace strata
