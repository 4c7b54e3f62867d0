#pragma once

#include <cstddef>
#include <vector>

namespace strata {

/// One block of a plan's arena: needed from step `first` to step `last`, both included.
struct Block {
  std::size_t bytes = 0;
  std::size_t first = 0, last = 0;
  std::size_t offset = 0;  ///< what plan_memory finds
};

/// Gives every block an offset (a multiple of 64) such that blocks that live at the same time do not overlap. Large
/// blocks first, each into the tightest gap that holds it. Returns the arena's size in bytes.
std::size_t plan_memory(std::vector<Block>& blocks);

}  // namespace strata
