#include "core/compile/memory_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace strata {
namespace {

bool live_together(const Block& a, const Block& b) { return a.first <= b.last && b.first <= a.last; }

TEST(MemoryPlanner, BlocksThatLiveTogetherNeverOverlap) {
  std::mt19937 generator(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Block> blocks(1 + generator() % 60);
    for (Block& b : blocks) {
      b.bytes = generator() % 5 == 0 ? 0 : generator() % 5000;
      b.first = generator() % 30;
      b.last = b.first + generator() % 10;
    }
    const std::size_t size = plan_memory(blocks);
    std::size_t sum = 0, largest_step = 0;
    for (const Block& b : blocks) {
      EXPECT_EQ(b.offset % 64, 0u);
      EXPECT_LE(b.offset + b.bytes, size);
      sum += (b.bytes + 63) / 64 * 64;
    }
    for (std::size_t step = 0; step < 40; ++step) {
      std::size_t at_once = 0;
      for (const Block& b : blocks)
        if (b.first <= step && step <= b.last) at_once += b.bytes;
      largest_step = std::max(largest_step, at_once);
    }
    EXPECT_LE(size, sum);
    EXPECT_GE(size, largest_step);
    for (std::size_t i = 0; i < blocks.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const Block &a = blocks[i], &b = blocks[j];
        if (a.bytes == 0 || b.bytes == 0 || !live_together(a, b)) continue;
        EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset) << "round " << round;
      }
  }
}

TEST(MemoryPlanner, BlocksShareMemoryInTurn) {
  std::vector<Block> blocks{{1024, 0, 1, 0}, {1024, 2, 3, 0}, {1024, 4, 5, 0}};
  EXPECT_EQ(plan_memory(blocks), 1024u);
  blocks = {{1024, 0, 2, 0}, {1024, 2, 4, 0}, {1024, 4, 5, 0}};  // both ends of a life are included
  EXPECT_EQ(plan_memory(blocks), 2048u);
}

TEST(MemoryPlanner, TakesTheTightestGap) {
  // The blocks of 640 and 192 bytes stay; those of 704 and 256 are gone at step 1, and leave gaps of their sizes.
  std::vector<Block> tight{{704, 0, 0, 0}, {640, 0, 9, 0}, {256, 0, 0, 0}, {192, 0, 9, 0}, {128, 1, 9, 0}};
  plan_memory(tight);
  EXPECT_EQ(tight[1].offset, 704u);
  EXPECT_EQ(tight[3].offset, 704u + 640u + 256u);
  EXPECT_EQ(tight[4].offset, 704u + 640u) << "the gap of 256 bytes is tighter than the one of 704";
}

TEST(MemoryPlanner, NothingNeedsNothing) {
  std::vector<Block> none, empty{{0, 0, 5, 0}};
  EXPECT_EQ(plan_memory(none), 0u);
  EXPECT_EQ(plan_memory(empty), 0u);
}

}  // namespace
}  // namespace strata
