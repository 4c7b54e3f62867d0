#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/device/thread_pool.h"

namespace strata {

/// Moves elements between two strided arrays of the same sizes: what transpose, slice, pad, concatenate, split, tile,
/// repeat and broadcasting all are. Elements are bytes to it. Strides are in elements; an input stride of 0 repeats.
/// Every output element is written once, so the result does not depend on the threads.
class StridedCopy {
 public:
  using Strides = std::vector<std::int64_t>;
  /// Axes outermost first; at most 16 after axes of size 1 are dropped and adjacent ones are merged.
  StridedCopy(std::size_t element_bytes, Strides sizes, Strides in_strides, Strides out_strides);

  /// `in` and `out` are the addresses of the elements at index 0 on every axis. They do not overlap.
  void run(Cpu& cpu, const std::byte* in, std::byte* out) const;

 private:
  template <class E>
  void run_lines(Cpu& cpu, const E* in, E* out) const;
  template <class E>
  void run_blocks(Cpu& cpu, const E* in, E* out) const;
  void choose_block_axis();

  std::size_t element_bytes_;
  Strides sizes_, in_, out_;
  int block_axis_ = -1;  ///< the axis along which the input is contiguous, when that is not the last one
};

/// Writes `count` copies of the element at `element` to `out`.
void fill_elements(std::byte* out, const std::byte* element, std::size_t element_bytes, std::size_t count);

}  // namespace strata
