#include "core/ops/matmul_bf16.h"

#include <algorithm>

#include "core/kernels/gemm_bf16.h"
#include "core/ops/matmul_problem.h"

namespace strata {

namespace {
/// Panels of A should leave room in the second-level cache.
constexpr std::size_t panel_elements = 1 << 17;
/// Rows or columns of A that are worth a thread, and the work below which one thread is faster.
constexpr std::size_t grain = 28;
constexpr double parallel_work = 64.0 * 64 * 64;
/// How far A^T B sums before it adds to the sums in memory.
constexpr std::size_t depth = 512;

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

std::size_t grain_for(const MatMulShapes& p, std::size_t size) {
  const double work = static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return work < parallel_work ? size : grain;
}

/// A and B as they are, or B transposed: B is packed once, then rows of A are cut among the threads.
Kernel rows_of_a(const MatMul& op, const MatMulShapes& p, std::size_t threads) {
  const std::size_t step = std::clamp<std::size_t>(panel_elements / p.k, 28, 168);
  const std::size_t packed = aligned(kernels::bf16_packed_bytes(p.n, p.k));
  const std::size_t pointers = aligned(step * sizeof(const BFloat16*));
  const std::size_t own = pointers + aligned(kernels::bf16_product_scratch_bytes(step, p.k));
  Kernel kernel;
  kernel.scratch_bytes = packed + own * threads;
  kernel.run = [=, bias = op.epilogue.bias, relu = op.epilogue.relu, transposed = op.transpose_b](Cpu& cpu,
                                                                                                  const Buffers& io) {
    const BFloat16 *a = io.in<BFloat16>(0).data(), *b = io.in<BFloat16>(1).data();
    const kernels::Bf16Epilogue epilogue{bias ? io.in<BFloat16>(2).data() : nullptr, relu};
    BFloat16* c = io.out<BFloat16>(0).data();
    const auto stride = static_cast<std::ptrdiff_t>(transposed ? p.k : p.n);
    cpu.parallel_ranges(threads, 1, [&](std::size_t first, std::size_t last, int) {
      for (std::size_t part = first; part < last; ++part)
        kernels::bf16_pack(p.n, p.k, {b, stride, transposed}, io.scratch(), part, threads);
    });
    cpu.parallel_ranges(p.m, grain_for(p, p.m), [&](std::size_t first, std::size_t last, int part) {
      std::byte* room = io.scratch() + packed + own * static_cast<std::size_t>(part);
      auto** rows = reinterpret_cast<const BFloat16**>(room);
      for (std::size_t i = first; i < last; i += step) {
        const std::size_t count = std::min(step, last - i);
        for (std::size_t r = 0; r < count; ++r) rows[r] = a + (i + r) * p.k;
        kernels::bf16_product(count, p.n, {rows, 1, p.k}, io.scratch(), c + i * p.n, static_cast<std::ptrdiff_t>(p.n),
                              epilogue, room + pointers);
      }
    });
  };
  return kernel;
}

/// A transposed: columns of A, which are rows of C, are cut among the threads. C is summed in f32 beside it.
Kernel columns_of_a(const MatMulShapes& p, std::size_t threads) {
  const std::size_t blocks = (p.k + depth - 1) / depth, step = panel_elements / depth;
  const std::size_t packed = aligned(kernels::bf16_packed_bytes(p.n, std::min(p.k, depth)));  // of a block
  const std::size_t sums = aligned(p.m * p.n * sizeof(float)), pointers = aligned(depth * sizeof(const BFloat16*));
  const std::size_t own = pointers + aligned(kernels::bf16_transposed_product_scratch_bytes(step, depth));
  const auto rows_of_block = [=](std::size_t block) { return std::min(depth, p.k - block * depth); };
  Kernel kernel;
  kernel.scratch_bytes = sums + packed * blocks + own * threads;
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const BFloat16 *a = io.in<BFloat16>(0).data(), *b = io.in<BFloat16>(1).data();
    BFloat16* c = io.out<BFloat16>(0).data();
    auto* sum = io.scratch<float>();
    const auto n = static_cast<std::ptrdiff_t>(p.n);
    std::byte* const panels = io.scratch() + sums;
    cpu.parallel_ranges(blocks * threads, 1, [&](std::size_t first, std::size_t last, int) {
      for (std::size_t i = first; i < last; ++i)
        kernels::bf16_pack(p.n, rows_of_block(i / threads), {b + i / threads * depth * p.n, n},
                           panels + i / threads * packed, i % threads, threads);
    });
    cpu.parallel_ranges(p.m, grain_for(p, p.m), [&](std::size_t first, std::size_t last, int part) {
      std::fill(sum + first * p.n, sum + last * p.n, 0.0f);
      std::byte* room = panels + packed * blocks + own * static_cast<std::size_t>(part);
      auto** rows = reinterpret_cast<const BFloat16**>(room);
      for (std::size_t j = first; j < last; j += step)
        for (std::size_t block = 0; block < blocks; ++block) {
          for (std::size_t r = 0; r < rows_of_block(block); ++r) rows[r] = a + (block * depth + r) * p.m + j;
          kernels::bf16_add_transposed_product(std::min(step, last - j), p.n, rows_of_block(block), rows,
                                               panels + block * packed, sum + j * p.n, n, room + pointers);
        }
      for (std::size_t i = first * p.n; i < last * p.n; ++i) c[i] = to_bfloat16(sum[i]);
    });
  };
  return kernel;
}
}  // namespace

std::optional<Kernel> bf16_matmul(const MatMul& op, const Signature& s, int threads) {
  if (s.inputs[0].dtype != DType::bf16 || !kernels::bf16_products_available()) return std::nullopt;
  const MatMulShapes p = matmul_shapes(op, s);
  if (p.batch != 1 || p.m == 0 || p.n == 0 || p.k == 0) return std::nullopt;
  const auto count = static_cast<std::size_t>(std::max(1, threads));
  if (op.transpose_a && (op.transpose_b || op.epilogue != Epilogue{})) return std::nullopt;
  if (op.transpose_a) return columns_of_a(p, count);
  return p.k % 2 == 0 ? std::optional(rows_of_a(op, p, count)) : std::nullopt;
}

}  // namespace strata
