#include "core/device/allocation_budget.h"

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

}  // namespace strata
