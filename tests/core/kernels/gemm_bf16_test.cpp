#include "core/kernels/gemm_bf16.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "tests/core/kernels/kernel_testing.h"

namespace strata::kernels {
namespace {
using testing::random_floats;

std::vector<BFloat16> random_bf16(std::size_t count, std::uint32_t seed) {
  std::vector<BFloat16> values;
  for (const float x : random_floats(count, seed)) values.push_back(to_bfloat16(x));
  return values;
}

class Bf16Products : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!bf16_products_available()) GTEST_SKIP() << "this level or this processor has no AVX512-BF16";
  }
};

struct Free {
  void operator()(void* p) const { std::free(p); }
};
/// Aligned, filled with NaN, so that what is read without being written shows.
std::unique_ptr<void, Free> room(std::size_t bytes) {
  bytes = (bytes + 63) / 64 * 64 + 64;
  void* p = std::aligned_alloc(64, bytes);
  std::memset(p, 0xff, bytes);
  return std::unique_ptr<void, Free>(p);
}

struct Problem {
  std::size_t m, n, segments, length;
  bool transposed, bias, relu;
};

/// Row i of A is piece s of row (i + 3 s) of x; every fifth piece is missing.
void check_product(const Problem& p) {
  SCOPED_TRACE(std::to_string(p.m) + " x " + std::to_string(p.n) + " x " + std::to_string(p.segments) + " * " +
               std::to_string(p.length));
  const std::size_t k = p.segments * p.length;
  const auto x = random_bf16((p.m + 3 * p.segments) * p.length, 1), w = random_bf16(k * p.n, 2),
             bias = random_bf16(p.n, 3);
  std::vector<const BFloat16*> rows;
  for (std::size_t s = 0; s < p.segments; ++s)
    for (std::size_t i = 0; i < p.m; ++i)
      rows.push_back((i + 2 * s) % 5 == 4 ? nullptr : x.data() + (i + 3 * s) * p.length);
  const auto packed = room(bf16_packed_bytes(p.n, k)), scratch = room(bf16_product_scratch_bytes(p.m, k));
  for (std::size_t part = 0; part < 3; ++part)
    bf16_pack(p.n, k, {w.data(), static_cast<std::ptrdiff_t>(p.transposed ? k : p.n), p.transposed}, packed.get(), part,
              3);
  const std::size_t stride = p.n + 5;
  std::vector<BFloat16> c(p.m * stride, BFloat16{0x7fc1});
  bf16_product(p.m, p.n, {rows.data(), p.segments, p.length}, packed.get(), c.data(),
               static_cast<std::ptrdiff_t>(stride), {p.bias ? bias.data() : nullptr, p.relu}, scratch.get());
  for (std::size_t i = 0; i < p.m; ++i)
    for (std::size_t j = 0; j < stride; ++j) {
      const BFloat16 got = c[i * stride + j];
      if (j >= p.n) {
        ASSERT_EQ(got.bits, 0x7fc1) << "written beside C";
        continue;
      }
      double sum = p.bias ? to_float(bias[j]) : 0, size = 0;
      for (std::size_t s = 0; s < p.segments; ++s)
        if (const BFloat16* row = rows[s * p.m + i])
          for (std::size_t q = 0; q < p.length; ++q) {
            const std::size_t at = s * p.length + q;
            const double term = double{to_float(row[q])} * to_float(p.transposed ? w[j * k + at] : w[at * p.n + j]);
            sum += term, size += std::abs(term);
          }
      if (p.relu) sum = std::max(sum, 0.0);
      ASSERT_NEAR(to_float(got), sum, std::abs(sum) * 0x1p-8 + size * 1e-6) << i << ", " << j;
    }
}

TEST_F(Bf16Products, AgainstTheDefinition) {
  for (const std::size_t m : {1, 13, 15, 28, 61})
    for (const std::size_t n : {1, 16, 31, 33, 80})
      for (const auto& [segments, length] : {std::array<std::size_t, 2>{1, 2}, {1, 34}, {3, 6}, {9, 32}})
        for (const bool transposed : {false, true})
          check_product({m, n, segments, length, transposed, (m + n) % 2 == 0, m % 2 == 1});
}

TEST_F(Bf16Products, TransposedAddsToC) {
  for (const std::size_t length : {1, 14, 17, 40})
    for (const std::size_t n : {2, 32, 47})
      for (const std::size_t k : {1, 2, 7, 64}) {
        const auto x = random_bf16(k * length, 1), dy = random_bf16(k * n, 2);
        std::vector<const BFloat16*> rows;
        for (std::size_t i = 0; i < k; ++i) rows.push_back(i % 6 == 5 ? nullptr : x.data() + i * length);
        const auto packed = room(bf16_packed_bytes(n, k)),
                   scratch = room(bf16_transposed_product_scratch_bytes(length, k));
        bf16_pack(n, k, {dy.data(), static_cast<std::ptrdiff_t>(n)}, packed.get(), 0, 1);
        std::vector<float> c(length * n, 0.5f);
        bf16_add_transposed_product(length, n, k, rows.data(), packed.get(), c.data(), static_cast<std::ptrdiff_t>(n),
                                    scratch.get());
        for (std::size_t i = 0; i < length; ++i)
          for (std::size_t j = 0; j < n; ++j) {
            double sum = 0.5;
            for (std::size_t q = 0; q < k; ++q)
              if (rows[q] != nullptr) sum += double{to_float(rows[q][i])} * to_float(dy[q * n + j]);
            ASSERT_NEAR(c[i * n + j], sum, 1e-5) << length << " " << n << " " << k << ": " << i << ", " << j;
          }
      }
}

TEST_F(Bf16Products, ReluKeepsNan) {
  const std::vector<BFloat16> x{to_bfloat16(NAN), to_bfloat16(1)}, w{to_bfloat16(-1), to_bfloat16(-1)};
  const std::array<const BFloat16*, 1> row{x.data()};
  const auto packed = room(bf16_packed_bytes(1, 2)), scratch = room(bf16_product_scratch_bytes(1, 2));
  bf16_pack(1, 2, {w.data(), 1}, packed.get(), 0, 1);
  BFloat16 y;
  bf16_product(1, 1, {row.data(), 1, 2}, packed.get(), &y, 1, {nullptr, true}, scratch.get());
  EXPECT_TRUE(std::isnan(to_float(y)));
}

}  // namespace
}  // namespace strata::kernels
