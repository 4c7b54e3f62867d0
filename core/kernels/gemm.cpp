#include "core/kernels/gemm.h"

#include <algorithm>

#include "core/kernels/gemm_micro.h"

namespace strata::kernels {
namespace {

using Index = std::ptrdiff_t;

// A panel of B (kMaxDepth x kTileColumns) and a panel of A stay in the first-level cache, a
// block of A (kBlockRows rows) and a block of B (kBlockColumns columns) in the second.
constexpr Index kMaxDepth = 320;
constexpr Index kBlockRows = 336 / kTileRows * kTileRows;
constexpr Index kBlockColumns = 1024;
// Up to this many columns of C the rows of A are read too few times to repay packing them.
constexpr Index kColumnsForDirectA = 4 * kTileColumns;
// Up to this many rows of C packing B costs more than it saves.
constexpr Index kRowsForDirectB = kTileRows;

constexpr Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }

// k is cut into equal blocks (up to rounding): a function of k alone, which keeps the order of
// every sum independent of how callers cut rows and columns.
Index depth_of_block(Index k) {
  const Index blocks = std::max<Index>(1, (k + kMaxDepth - 1) / kMaxDepth);
  return std::max<Index>(1, round_up((k + blocks - 1) / blocks, 4));
}

struct Problem {
  Index m, n, k;
  MatrixView a;
  float* c;
  Index c_stride;
  const GemmEpilogue& epilogue;
};

MatrixView shifted(MatrixView x, Index row, Index column) {
  x.data += x.transposed ? column * x.stride + row : row * x.stride + column;
  return x;
}

// to[p * to_stride + i] = from[i * stride + p] for i < rows, p < depth; whole vectors are
// written, so lanes past `rows` of each line are zeroed or overwritten by the next line.
void pack_transposed(const float* from, Index stride, Index rows, Index depth, float* to,
                     Index to_stride) {
  for (Index p = 0; p < depth; p += kLanes) {
    const int count = static_cast<int>(std::min<Index>(kLanes, depth - p));
    Vec square[kLanes];
    for (Index i = 0; i < kLanes; ++i) {
      const float* row = from + i * stride + p;
      square[i] = i >= rows ? Vec{} : count == kLanes ? load(row) : load_first(row, count);
    }
    transpose(square);
    for (int i = 0; i < count; ++i) store(to + (p + i) * to_stride, square[i]);
  }
}

// Panels of B, each depth lines of kTileColumns values, columns past the last zero. Without
// transposition whole rows are read at a time, so that the pages of B are visited once.
void pack_b_block(MatrixView b, Index columns, Index depth, float* to) {
  if (b.transposed) {
    for (Index j = 0; j < round_up(columns, kTileColumns); j += kLanes) {
      float* panel = to + j / kTileColumns * kTileColumns * depth + j % kTileColumns;
      const Index valid = std::clamp<Index>(columns - j, 0, kLanes);
      pack_transposed(b.data + j * b.stride, b.stride, valid, depth, panel, kTileColumns);
    }
    return;
  }
  const Index whole = columns / kTileColumns * kTileColumns;
  for (Index p = 0; p < depth; ++p) {
    const float* row = b.data + p * b.stride;
    float* line = to + p * kTileColumns;
    for (Index j = 0; j < whole; j += kTileColumns) {
      for (int v = 0; v < kTileVectors; ++v) store(line + v * kLanes, load(row + j + v * kLanes));
      line += depth * kTileColumns;
    }
    if (whole == columns) continue;
    for (int v = 0; v < kTileVectors; ++v) {
      const Index at = whole + v * kLanes;
      const int valid = static_cast<int>(std::clamp<Index>(columns - at, 0, kLanes));
      store(line + v * kLanes, valid == 0 ? Vec{} : load_first(row + at, valid));
    }
  }
}

// The height of the tiles that cut `rows` evenly: a last tile of two rows would take as long as
// one of eight.
Index even_tile_rows(Index rows) {
  const Index tiles = (rows + kTileRows - 1) / kTileRows;
  return (rows + tiles - 1) / tiles;
}

// Panels of A of tile_rows rows, each depth lines of kTileRows values. Where a line is shorter than a vector the
// whole vector is stored, and spills into the next line, which is written later; after the last
// panel there must be kLanes floats.
void pack_a_block(MatrixView a, Index rows, Index tile_rows, Index depth, float* to) {
  const Index panel = depth * kTileRows;
  constexpr bool kLineFitsVector = kTileRows <= kLanes;
  if (!a.transposed && kLineFitsVector) {
    for (Index i = 0; i < rows; i += tile_rows, to += panel) {
      pack_transposed(a.data + i * a.stride, a.stride, std::min(tile_rows, rows - i), depth, to,
                      kTileRows);
    }
    return;
  }
  for (Index p = 0; p < depth; ++p) {
    float* line = to + p * kTileRows;
    for (Index i = 0; i < rows; i += tile_rows, line += panel) {
      const Index count = std::min(tile_rows, rows - i);
      if (a.transposed && kLineFitsVector && p + 1 < depth) {
        store(line, load_first(a.data + p * a.stride + i, static_cast<int>(count)));
        continue;
      }
      for (Index r = 0; r < count; ++r) line[r] = shifted(a, i + r, p).data[0];
    }
  }
}

// One block of A against a block of B that lies in panels.
struct Block {
  Index rows, columns, depth;
  Index tile_rows;
  Index row, column;  // its place in C
  MatrixView a;       // at this block
  bool packed_a;      // panels of tile_rows rows, depth * kTileRows floats apart
  const float* b;
  Index b_stride, b_panel_step;
  Index direct_columns;  // with B in place: the columns past these are in `b_tail`
  const float* b_tail;
  bool first_depth, last_depth;
};

void run_block(const Problem& problem, const Block& block) {
  const GemmEpilogue& epilogue = problem.epilogue;
  MicroTile tile{};
  tile.k = static_cast<std::size_t>(block.depth);
  tile.c_stride = problem.c_stride;
  tile.alpha = epilogue.alpha;
  tile.beta = block.first_depth ? epilogue.beta : 1.0f;
  tile.relu = block.last_depth && epilogue.relu;
  const bool in_rows = !block.packed_a && !block.a.transposed;
  tile.a_stride = block.packed_a ? kTileRows : block.a.stride;
  for (Index j = 0; j < block.columns; j += kTileColumns) {
    const Index columns = std::min<Index>(kTileColumns, block.columns - j);
    const int vectors = static_cast<int>((columns + kLanes - 1) / kLanes);
    const bool tail = j >= block.direct_columns;
    tile.b = tail ? block.b_tail : block.b + j / kTileColumns * block.b_panel_step;
    tile.b_stride = tail ? kTileColumns : block.b_stride;
    tile.last_lanes = static_cast<int>(columns - (vectors - 1) * kLanes);
    const bool biased = block.last_depth && epilogue.bias != nullptr;
    tile.bias = biased ? epilogue.bias + block.column + j : nullptr;
    for (Index i = 0; i < block.rows; i += block.tile_rows) {
      const int rows = static_cast<int>(std::min(block.tile_rows, block.rows - i));
      tile.a = block.packed_a ? block.a.data + i / block.tile_rows * kTileRows * block.depth
                              : shifted(block.a, i, 0).data;
      tile.c = problem.c + (block.row + i) * problem.c_stride + block.column + j;
      micro_kernel(rows, vectors, in_rows ? AOrder::rows : AOrder::columns)(tile);
    }
  }
}

// Whether the micro-kernel should read A where it is. Rows a multiple of 4 KiB apart share one
// set of the first-level cache, and lines of k far apart miss the TLB: those are packed.
bool reads_a_in_place(const Problem& problem) {
  if (problem.n <= kTileColumns && !problem.a.transposed) return true;
  if (problem.n > kColumnsForDirectA) return false;
  return problem.a.transposed ? problem.a.stride <= 256 : problem.a.stride % 512 != 0;
}

Index a_panels_floats(Index m, Index k) {
  const Index rows = std::min(round_up(m, kTileRows), kBlockRows);
  return round_up(rows * depth_of_block(k) + kLanes, kLanes);
}

// All rows against one block of B.
void run_rows(const Problem& problem, Block block, Index depth_begin, float* scratch) {
  const bool in_place = reads_a_in_place(problem);
  for (Index row = 0; row < problem.m; row += kBlockRows) {
    block.row = row;
    block.rows = std::min(kBlockRows, problem.m - row);
    block.tile_rows = even_tile_rows(block.rows);
    block.a = shifted(problem.a, row, depth_begin);
    block.packed_a = !in_place;
    if (!in_place) {
      pack_a_block(block.a, block.rows, block.tile_rows, block.depth, scratch);
      block.a = MatrixView{scratch, kTileRows};
    }
    run_block(problem, block);
  }
}

Index signed_of(std::size_t x) { return static_cast<Index>(x); }

// Calls f(block) for each block of columns and depth, in the order of the sums.
template <typename F>
void for_each_block(const Problem& problem, F&& f) {
  const Index depth_step = depth_of_block(problem.k);
  for (Index column = 0; column < problem.n; column += kBlockColumns) {
    Index begin = 0;
    do {  // once even when k is 0: C still gets beta, bias and relu
      Block block{};
      block.column = column;
      block.columns = std::min(kBlockColumns, problem.n - column);
      block.depth = std::min(depth_step, problem.k - begin);
      block.direct_columns = block.columns;
      block.first_depth = begin == 0;
      block.last_depth = begin + block.depth >= problem.k;
      f(block, begin);
      begin += depth_step;
    } while (begin < problem.k);
  }
}

}  // namespace

std::size_t gemm_scratch_bytes(std::size_t m, std::size_t n, std::size_t k) {
  const Index columns = std::min(round_up(signed_of(n), kTileColumns), kBlockColumns);
  const Index b_floats = columns * depth_of_block(signed_of(k));
  return static_cast<std::size_t>(b_floats + a_panels_floats(signed_of(m), signed_of(k))) *
         sizeof(float);
}

void gemm(std::size_t m, std::size_t n, std::size_t k, MatrixView a, MatrixView b, float* c,
          std::ptrdiff_t c_stride, const GemmEpilogue& epilogue, void* scratch) {
  const Problem problem{signed_of(m), signed_of(n), signed_of(k), a, c, c_stride, epilogue};
  auto* a_scratch = static_cast<float*>(scratch);
  float* b_scratch = a_scratch + a_panels_floats(problem.m, problem.k);
  const bool b_in_place = !b.transposed && problem.m <= kRowsForDirectB;
  for_each_block(problem, [&](Block& block, Index begin) {
    const MatrixView at = shifted(b, begin, block.column);
    if (b_in_place) {
      block.b = at.data;
      block.b_stride = b.stride;
      block.b_panel_step = kTileColumns;
      block.direct_columns = block.columns / kTileColumns * kTileColumns;
      block.b_tail = b_scratch;
      pack_b_block(shifted(at, 0, block.direct_columns), block.columns - block.direct_columns,
                   block.depth, b_scratch);
    } else {
      block.b = b_scratch;
      block.b_stride = kTileColumns;
      block.b_panel_step = block.depth * kTileColumns;
      pack_b_block(at, block.columns, block.depth, b_scratch);
    }
    run_rows(problem, block, begin, a_scratch);
  });
}

std::size_t gemm_packed_b_bytes(std::size_t n, std::size_t k) {
  return static_cast<std::size_t>(round_up(signed_of(n), kTileColumns)) * k * sizeof(float);
}

void gemm_pack_b(std::size_t n, std::size_t k, MatrixView b, float* packed) {
  gemm_pack_b_part(n, k, b, packed, 0, 1);
}

// Layout: for each block of depth, the panels of all columns one after another.
void gemm_pack_b_part(std::size_t n, std::size_t k, MatrixView b, float* packed, std::size_t part,
                      std::size_t parts) {
  const Index columns = signed_of(n);
  const Index panels = round_up(columns, kTileColumns) / kTileColumns;
  const Index begin_panel = panels * signed_of(part) / signed_of(parts);
  const Index end_panel = panels * signed_of(part + 1) / signed_of(parts);
  const Index depth_step = depth_of_block(signed_of(k));
  const Index first = begin_panel * kTileColumns;
  const Index last = std::min(columns, end_panel * kTileColumns);
  for (Index begin = 0; begin < signed_of(k); begin += depth_step) {
    const Index depth = std::min(depth_step, signed_of(k) - begin);
    pack_b_block(shifted(b, begin, first), last - first, depth,
                 packed + begin * panels * kTileColumns + first * depth);
  }
}

std::size_t gemm_packed_b_offset(std::size_t n, std::size_t k, std::size_t row,
                                 std::size_t column) {
  const Index depth_step = depth_of_block(signed_of(k));
  const Index begin = signed_of(row) / depth_step * depth_step;
  const Index depth = std::min(depth_step, signed_of(k) - begin);
  const Index panel = signed_of(column) / kTileColumns * kTileColumns;
  return static_cast<std::size_t>(begin * round_up(signed_of(n), kTileColumns) + panel * depth +
                                  (signed_of(row) - begin) * kTileColumns +
                                  signed_of(column) - panel);
}

std::size_t gemm_packed_scratch_bytes(std::size_t m, std::size_t k) {
  return static_cast<std::size_t>(a_panels_floats(signed_of(m), signed_of(k))) * sizeof(float);
}

void gemm_packed(std::size_t m, std::size_t n, std::size_t k, MatrixView a, const float* packed_b,
                 float* c, std::ptrdiff_t c_stride, const GemmEpilogue& epilogue, void* scratch) {
  const Problem problem{signed_of(m), signed_of(n), signed_of(k), a, c, c_stride, epilogue};
  const Index padded = round_up(problem.n, kTileColumns);
  for_each_block(problem, [&](Block& block, Index begin) {
    block.b = packed_b + begin * padded + block.column * block.depth;
    block.b_stride = kTileColumns;
    block.b_panel_step = block.depth * kTileColumns;
    run_rows(problem, block, begin, static_cast<float*>(scratch));
  });
}

}  // namespace strata::kernels
