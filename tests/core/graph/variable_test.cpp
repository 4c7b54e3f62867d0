#include "core/graph/variable.h"

#include <gtest/gtest.h>

#include "core/ops/fill.h"

namespace strata {
namespace {

TEST(Variable, TakesOverTheMemoryOfAValueThatNobodyElseHolds) {
  Tensor value = ones({3});
  const std::byte* const memory = value.raw();
  EXPECT_EQ(Variable("v", std::move(value)).value().raw(), memory);
}

TEST(Variable, CopiesAValueThatSomebodyElseHolds) {
  const Tensor kept = ones({3});
  Variable v("v", kept);
  v.assign(zeros({3}));
  EXPECT_EQ(kept.at<float>(0), 1);
  Variable other("other", kept.rows(0, 2));
  other.assign(zeros({2}));
  EXPECT_EQ(kept.at<float>(0), 1);
}

TEST(Variable, KeepsNoMoreMemoryThanItsOwn) {
  const Variable v("v", ones({1000}).rows(0, 2));
  EXPECT_EQ(v.value().storage()->bytes(), 2 * sizeof(float));
}

}  // namespace
}  // namespace strata
