#pragma once

// Matrix products of bfloat16 with sums in single precision, for one thread, by AVX512-BF16: one instruction multiplies
// and adds two pairs of neighbours along k, so everything is arranged in pairs. x86-64-v4 does not include it: what is
// here may be called only where bf16_products_lack() is empty.
//
// An element of C is summed over k in one order, whatever rows and columns a call covers, so a caller may cut them as
// it likes. Subnormal numbers count as zero. Nothing allocates; scratch comes from the caller, 64-byte aligned.

#include <cstddef>
#include <string_view>

#include "core/base/half.h"

namespace strata::kernels {

// Why there are none, "the processor has no AVX512-BF16"; empty where there are. STRATA_BF16_PRODUCTS=0 in the
// environment turns them off.
std::string_view bf16_products_lack();
inline bool bf16_products_available() { return bf16_products_lack().empty(); }

// B[k, n] in panels; an odd k is filled up with zeros. `transposed`: data holds [n, k] in `segments` pieces of k, each
// of the same even length, `segment_stride` elements apart. Shares of the work, 0 <= part < parts, write disjoint
// memory.
struct Bf16Matrix {
  const BFloat16* data;
  std::ptrdiff_t stride;
  bool transposed = false;
  std::size_t segments = 1;
  std::ptrdiff_t segment_stride = 0;
};
std::size_t bf16_packed_bytes(std::size_t n, std::size_t k);
void bf16_pack(std::size_t n, std::size_t k, Bf16Matrix b, void* packed, std::size_t part, std::size_t parts);

// C[m, n] = A B (+ bias)(, relu), rounded once. Row i of A is `segments` pieces of `length` (even) elements one after
// the other; piece s begins at rows[s * m + i], null for a piece of zeros. B has segments * length rows, packed.
std::size_t bf16_product_scratch_bytes(std::size_t m, std::size_t k);
struct Bf16Rows {
  const BFloat16* const* rows;
  std::size_t segments, length;
};
struct Bf16Epilogue {
  const BFloat16* bias = nullptr;  // [n]
  bool relu = false;               // keeps NaN
};
void bf16_product(std::size_t m, std::size_t n, const Bf16Rows& a, const void* packed_b, BFloat16* c,
                  std::ptrdiff_t c_stride, const Bf16Epilogue& epilogue, void* scratch);

// C[length, n] += A^T B in f32: row i of A [k, length] begins at rows[i], null for zeros. B has k rows, packed.
std::size_t bf16_transposed_product_scratch_bytes(std::size_t length, std::size_t k);
void bf16_add_transposed_product(std::size_t length, std::size_t n, std::size_t k, const BFloat16* const* rows,
                                 const void* packed_b, float* c, std::ptrdiff_t c_stride, void* scratch);

}  // namespace strata::kernels
