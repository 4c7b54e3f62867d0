#pragma once

// Single-precision matrix product for one thread:
//   C[m,n] = epilogue(alpha * op(A)[m,k] * op(B)[k,n] + beta * C[m,n]),   row-major.
//
// Nothing here allocates: the caller provides scratch of the size that the matching
// *_scratch_bytes function states, 64-byte aligned for speed (any float alignment is correct).
//
// How k is split depends on k alone and every element of C is summed in the same order, so a
// caller may cut the rows or the columns of C among threads as it likes: the bits do not change.

#include <cstddef>

namespace strata::kernels {

// op(X)(i, j) is data[i * stride + j], or data[j * stride + i] when transposed.
struct MatrixView {
  const float* data;
  std::ptrdiff_t stride;
  bool transposed = false;
};

struct GemmEpilogue {
  float alpha = 1.0f;
  float beta = 0.0f;            // 0 never reads C, so C may be uninitialized
  const float* bias = nullptr;  // [n], added to every row after the product
  bool relu = false;            // applied last; keeps NaN
};

std::size_t gemm_scratch_bytes(std::size_t m, std::size_t n, std::size_t k);

void gemm(std::size_t m, std::size_t n, std::size_t k, MatrixView a, MatrixView b, float* c,
          std::ptrdiff_t c_stride, const GemmEpilogue& epilogue, void* scratch);

// B packed once, for many row slices (or many steps, when B is a constant).
std::size_t gemm_packed_b_bytes(std::size_t n, std::size_t k);

void gemm_pack_b(std::size_t n, std::size_t k, MatrixView b, float* packed);

// As gemm_pack_b for one of `parts` shares of the work, 0 <= part < parts; the shares write
// disjoint memory, so threads may run them side by side.
void gemm_pack_b_part(std::size_t n, std::size_t k, MatrixView b, float* packed, std::size_t part,
                      std::size_t parts);

// Where element (row, column) of op(B) lies in the packed memory, in floats. Columns c, c + 1, ...
// are adjacent from any c that is a multiple of a vector's lanes to the end of that vector, and a
// row is n padded to whole panels of two vectors. Lets a caller produce B packed.
std::size_t gemm_packed_b_offset(std::size_t n, std::size_t k, std::size_t row,
                                 std::size_t column);

std::size_t gemm_packed_scratch_bytes(std::size_t m, std::size_t k);

void gemm_packed(std::size_t m, std::size_t n, std::size_t k, MatrixView a, const float* packed_b,
                 float* c, std::ptrdiff_t c_stride, const GemmEpilogue& epilogue, void* scratch);

}  // namespace strata::kernels
