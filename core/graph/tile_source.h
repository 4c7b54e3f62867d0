#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/graph/tile_program.h"

namespace strata {

/// CUDA C++ of one kernel that runs a tile program: in one pass over memory, a thread taking `width` elements at a time
/// where arrays are aligned for it, and any number of blocks. It includes core/kernels/tile_kernel.h.
///
/// Element by element it computes what the processor does: each result is rounded to its type. Differences come from
/// fused multiply-adds, which both compilers form as they like, and for f64 from the C library's functions.
///
/// Text depends on types, ops and attributes, and on shapes only where operands broadcast, so one kernel serves many
/// sizes, and the text is a key for caches.
struct TileSource {
  /// Threads of a block.
  static constexpr int block_threads = 256;

  std::string text;
  int width = 1;
  /// Bytes that inputs, then outputs must be aligned to for `width` elements at a time; 1 for operands read one by one.
  std::vector<std::size_t> alignments;
};

/// The source of a kernel of this name; nothing when an op of the program has no device code (Tile::device_code). With
/// several segments, the kernel runs the program over as many sets of arrays, each of a size of its own: then operands
/// must be as large as the results or scalars (also nothing where they are not).
STRATA_API std::optional<TileSource> tile_source(const TileProgram&, std::string_view kernel, int segments = 1);

/// One set of arrays for a kernel: pointers to device memory in the program's order, `count` elements in each result.
struct TileSegment {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  std::uint64_t count = 0;
};

/// How to launch a kernel: its one parameter, passed by value, and the number of blocks. No blocks: nothing to do.
struct TileLaunch {
  std::vector<std::uint64_t> parameter;
  unsigned blocks = 0;
};

/// `most_blocks` bounds the blocks of one segment.
STRATA_API TileLaunch tile_launch(const TileSource&, std::span<const TileSegment>, unsigned most_blocks);

}  // namespace strata
