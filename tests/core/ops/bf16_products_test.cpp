// Products and convolutions of bf16 on processors that multiply bf16, and on those that do not.

#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/kernels/gemm_bf16.h"

namespace strata {
namespace {

Tensor noise(const Shape& shape, std::uint32_t state) {
  Tensor t(DType::f32, shape);
  for (float& v : t.mutable_data<float>()) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return cast(t, DType::bf16);
}

Tensor wide(const Tensor& t) { return cast(t, DType::f32); }

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

struct Sizes {
  std::int64_t m, k, n;
};

// Each element is a sum in single precision that is rounded once.
TEST(Bf16Matmul, AgreesWithFloat64) {
  const int before = config::num_threads();
  for (const int threads : {1, 3}) {
    config::set_num_threads(threads);
    for (const Sizes& z :
         {Sizes{257, 130, 65}, {65, 129, 258}, {33, 2002, 35}, {900, 10, 1}, {1, 700, 900}, {300, 1100, 40}})
      for (const bool ta : {false, true})
        for (const bool tb : {false, true})
          for (const bool epilogue : {false, true}) {
            const Tensor a = noise(ta ? Shape{z.k, z.m} : Shape{z.m, z.k}, 1);
            const Tensor b = noise(tb ? Shape{z.n, z.k} : Shape{z.k, z.n}, 2), bias = noise({z.n}, 3);
            const auto in_f64 = [](const Tensor& t) { return cast(t, DType::f64); };
            Tensor expected = matmul(in_f64(a), in_f64(b), {ta, tb});
            if (epilogue) expected = maximum(expected + in_f64(bias), 0.0);
            const Tensor got = epilogue ? apply(MatMul{ta, tb, {true, true}}, a, b, bias) : matmul(a, b, {ta, tb});
            ASSERT_EQ(got.dtype(), DType::bf16);
            const Tensor bound = abs(expected) * 0x1p-8 + 1e-6 * static_cast<double>(z.k);
            EXPECT_LE(max(abs(in_f64(got) - expected) / bound).item<double>(), 1)
                << z.m << " " << z.k << " " << z.n << " " << ta << tb << epilogue;
          }
  }
  config::set_num_threads(before);
}

TEST(Bf16Matmul, DoesNotDependOnThreads) {
  const int before = config::num_threads();
  for (const bool transpose_a : {false, true}) {
    const Tensor a = noise({640, 640}, 1), b = noise({640, 96}, 2);
    Tensors results;
    for (const int threads : {1, 2, 5}) {
      config::set_num_threads(threads);
      results.push_back(matmul(a, b, {transpose_a, false}));
      EXPECT_TRUE(same_bits(results[0], results.back())) << threads;
    }
  }
  config::set_num_threads(before);
}

/// How many lines of stderr speak of bfloat16 while ops are made of two products and two convolutions.
int lines_about_bf16() {
  ::testing::internal::CaptureStderr();
  for (const std::int64_t rows : {8, 10}) {
    matmul(noise({rows, 16}, 1), noise({16, 8}, 2));
    conv2d(noise({2, 9, rows, 8}, 1), noise({1, 1, 8, 8}, 2));
  }
  const std::string text = ::testing::internal::GetCapturedStderr(), wanted = "of bfloat16 are computed in float32";
  std::fputs(text.c_str(), stderr);
  int lines = 0;
  for (std::size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) ++lines;
  return lines;
}

/// Products and convolutions in all directions, bit by bit those of float32 rounded once.
bool arithmetic_is_that_of_float32() {
  const auto rounded = [](const Tensor& t) { return cast(t, DType::bf16); };
  const Tensor a = noise({40, 64}, 1), b = noise({64, 48}, 2), c = noise({64, 40}, 3);
  const Tensor x = noise({2, 20, 20, 8}, 4), w = noise({1, 1, 8, 32}, 5), g = noise({2, 20, 20, 32}, 6);
  const Conv2DDataGradient dx{{}, x.shape()};
  const Conv2DWeightGradient dw{{}, w.shape()};
  const MatMulOptions transposed{true, false};
  return same_bits(matmul(a, b), rounded(matmul(wide(a), wide(b)))) &&
         same_bits(matmul(c, b, transposed), rounded(matmul(wide(c), wide(b), transposed))) &&
         same_bits(conv2d(x, w), rounded(conv2d(wide(x), wide(w)))) &&
         same_bits(apply(dx, g, w), rounded(apply(dx, wide(g), wide(w)))) &&
         same_bits(apply(dw, x, g), rounded(apply(dw, wide(x), wide(g))));
}

/// In a process of its own, since what the processor has is asked once: as if it had no bf16 products.
[[noreturn]] void exit_without_bf16_products(bool (*passes)()) {
  setenv("STRATA_BF16_PRODUCTS", "0", 1);
  std::exit(passes() ? 0 : 1);
}

class WithoutBf16Products : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(WithoutBf16Products, OneLineSaysSo) {
  EXPECT_EXIT(exit_without_bf16_products([] { return lines_about_bf16() == 1; }), ::testing::ExitedWithCode(0),
              "strata: .*AVX-?512.*: products and convolutions of bfloat16 are computed in float32");
}

TEST_F(WithoutBf16Products, ArithmeticIsThatOfFloat32) {
  EXPECT_EXIT(exit_without_bf16_products(&arithmetic_is_that_of_float32), ::testing::ExitedWithCode(0), "");
}

TEST(WithBf16Products, NothingIsSaid) {
  if (!kernels::bf16_products_available()) GTEST_SKIP() << kernels::bf16_products_lack();
  EXPECT_EQ(lines_about_bf16(), 0);
}

}  // namespace
}  // namespace strata
