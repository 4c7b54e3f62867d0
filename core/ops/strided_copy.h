#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/device/tensor.h"
#include "core/device/thread_pool.h"
#include "core/graph/op.h"

namespace strata {

/// f(a number as large as an element of so many bytes)
template <class F>
void with_element_type(std::size_t bytes, F&& f) {
  switch (bytes) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

/// Moves elements between two strided arrays of the same sizes: what transpose, slice, pad, concatenate, split, tile,
/// repeat and broadcasting all are. Elements are bytes to it. Strides are in elements; an input stride of 0 repeats.
/// Every output element is written once, so the result does not depend on the threads.
class StridedCopy {
 public:
  using Strides = std::vector<std::int64_t>;
  static constexpr std::size_t most_axes = 16;
  struct Axes {
    Strides sizes, in, out;
  };
  /// Axes outermost first; at most 16 after axes of size 1 are dropped and adjacent ones are merged.
  StridedCopy(std::size_t element_bytes, Strides sizes, Strides in_strides, Strides out_strides);

  /// `in` and `out` are the addresses of the elements at index 0 on every axis. They do not overlap.
  void run(Cpu& cpu, const std::byte* in, std::byte* out) const;
  /// The same on a GPU.
  void launch(Cuda& gpu, const std::byte* in, std::byte* out) const;

 private:
  template <class E>
  void run_lines(Cpu& cpu, const E* in, E* out) const;
  template <class E>
  void run_blocks(Cpu& cpu, const E* in, E* out) const;
  void choose_block_axis();

  std::size_t element_bytes_;
  Axes axes_;
  int block_axis_ = -1;  ///< the axis along which the input is contiguous, when that is not the last one
};

/// What an op does that only moves elements.
struct Moves {
  struct Piece {
    int input = 0, output = 0;
    std::size_t from = 0, to = 0;  ///< where they start, bytes
    StridedCopy copy;
  };
  /// Nothing moves: the output is the input's memory.
  bool view = false;
  std::vector<Piece> pieces = {};
  /// A scalar for what no piece writes; empty when they write everything.
  Tensor background = {};

  Kernel on(const CpuTarget&) const;
  std::optional<Kernel> on(const CudaTarget&) const;
};
/// In strided_copy.cu.
void launch_moves(const Moves&, Cuda& gpu, const Buffers& io);
/// One piece: all of the only input to all of the only output.
Moves move_all(DType, const Shape& sizes, const StridedCopy::Strides& in_strides);

}  // namespace strata
