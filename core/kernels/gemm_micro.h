#pragma once

// The register tile of the matrix product: up to kTileRows x kTileColumns elements of C are held
// in registers while k runs. Internal to core/kernels.

#include <cstddef>

#include "core/kernels/simd.h"

namespace strata::kernels {

// Rows x two vectors of accumulators, two vectors of B and one broadcast of A fill the 32
// registers of AVX-512 (16 of AVX2 and SSE2).
#if defined(__AVX512F__)
inline constexpr int kTileRows = 14;
#else
inline constexpr int kTileRows = 6;
#endif
inline constexpr int kTileVectors = 2;
inline constexpr int kTileColumns = kTileVectors * kLanes;

// A is read in place in either orientation, or packed; a packed panel is k columns of kTileRows
// adjacent values, which is the `columns` order with a_stride = kTileRows.
enum class AOrder {
  rows,     // a[row * a_stride + p]
  columns,  // a[p * a_stride + row]
};

struct MicroTile {
  std::size_t k;
  const float* a;
  std::ptrdiff_t a_stride;
  const float* b;  // b[p * b_stride + column]; whole vectors are read
  std::ptrdiff_t b_stride;
  float* c;
  std::ptrdiff_t c_stride;
  int last_lanes;  // valid lanes of the last vector of a row of C
  float alpha;
  float beta;
  const float* bias;  // null, or the bias of this tile's columns
  bool relu;
};

using MicroKernel = void (*)(const MicroTile&);

// rows in [1, kTileRows], vectors in [1, kTileVectors].
MicroKernel micro_kernel(int rows, int vectors, AOrder order);

}  // namespace strata::kernels
