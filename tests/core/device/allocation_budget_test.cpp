#include "core/device/allocation_budget.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/device/tensor.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

Tensor bytes(std::int64_t count) { return Tensor(DType::u8, Shape{count}); }

TEST(AllocationBudget, CountsWhatThisThreadAllocates) {
  bytes(5000);
  const AllocationBudget budget("model.keras", 1000);
  bytes(600);
  EXPECT_ERROR(bytes(600),
               "[model.keras] asks for more memory than its size accounts for: 600 bytes more, of which 400 of 1000");
  EXPECT_THROW(bytes(401), MemoryError);
  bytes(400);
  std::thread([] { bytes(5000); }).join();
}

TEST(AllocationBudget, CountsTablesThatAreNoTensors) {
  const AllocationBudget budget("f", 1000);
  AllocationBudget::take_table(-5, 8);
  AllocationBudget::take_table(100, 8);
  EXPECT_ERROR(AllocationBudget::take_table(100, 8), "800 bytes more, of which 200");
  EXPECT_ERROR(AllocationBudget::take_table(std::int64_t{1} << 62, 8), "18446744073709551615 bytes more");
}

TEST(AllocationBudget, TheInnermostCounts) {
  const AllocationBudget outer("outer", 100);
  {
    const AllocationBudget inner("inner", 1000);
    bytes(900);
    EXPECT_ERROR(bytes(900), "[inner]");
  }
  bytes(100);
  EXPECT_ERROR(bytes(1), "[outer]");
}

TEST(Sizes, ThatCannotBeCountedAreErrors) {
  constexpr std::int64_t huge = std::int64_t{1} << 60;
  EXPECT_ERROR(Tensor(DType::f32, Shape({4, huge})),
               "expected at most 2^59 elements; received [4,1152921504606846976]");
  EXPECT_ERROR(Tensor(DType::f64, Shape({huge})), "at most 2^59 elements");
  EXPECT_ERROR(Tensor(DType::f32, Shape({huge, huge, huge, huge})), "at most 2^59 elements");
  EXPECT_ERROR(Tensor(DType::u8, Shape({huge / 2})), "memory");
  EXPECT_EQ(Tensor(DType::f32, Shape({huge, huge, 0})).size(), 0);
  EXPECT_EQ(row_major_strides(Shape({0, huge, huge, huge}))[3], 1);
}

}  // namespace
}  // namespace strata
