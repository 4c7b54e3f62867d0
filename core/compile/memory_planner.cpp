#include "core/compile/memory_planner.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace strata {

namespace {
constexpr std::size_t alignment = 64;

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

bool overlap(const Block& a, const Block& b) { return a.first <= b.last && b.first <= a.last; }

/// Offset of the tightest gap among `placed` (sorted by offset) that holds `bytes`.
std::size_t best_gap(const std::vector<const Block*>& placed, std::size_t bytes) {
  std::size_t end = 0, best = 0, best_size = std::numeric_limits<std::size_t>::max();
  for (const Block* b : placed) {
    if (b->offset >= end + bytes && b->offset - end < best_size) {
      best = end;
      best_size = b->offset - end;
    }
    end = std::max(end, b->offset + aligned(b->bytes));
  }
  return best_size == std::numeric_limits<std::size_t>::max() ? end : best;
}
}  // namespace

std::size_t plan_memory(std::vector<Block>& blocks) {
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  std::vector<const Block*> done;
  std::size_t size = 0;
  for (std::size_t i : order) {
    Block& block = blocks[i];
    if (block.bytes == 0) continue;
    std::vector<const Block*> neighbours;
    std::copy_if(done.begin(), done.end(), std::back_inserter(neighbours), [&](const Block* b) { return overlap(*b, block); });
    std::sort(neighbours.begin(), neighbours.end(), [](const Block* a, const Block* b) { return a->offset < b->offset; });
    block.offset = best_gap(neighbours, aligned(block.bytes));
    size = std::max(size, block.offset + aligned(block.bytes));
    done.push_back(&block);
  }
  return size;
}

}  // namespace strata
