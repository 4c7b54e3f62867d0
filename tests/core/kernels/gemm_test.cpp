#include "core/kernels/gemm.h"

#include <gtest/gtest.h>

#include "tests/core/kernels/kernel_testing.h"

namespace strata::kernels {
namespace {

using testing::random_floats;
using testing::relative_error;
using testing::Scratch;

struct Case {
  std::size_t m, n, k;
  bool transpose_a, transpose_b;
  float alpha, beta;
  bool bias, relu;
};

struct Operands {
  explicit Operands(const Case& t)
      : a_stride((t.transpose_a ? t.m : t.k) + 3),
        b_stride((t.transpose_b ? t.k : t.n) + 5),
        c_stride(t.n + 2),
        a(random_floats((t.transpose_a ? t.k : t.m) * a_stride, 1)),
        b(random_floats((t.transpose_b ? t.n : t.k) * b_stride, 2)),
        c(random_floats(t.m * c_stride, 3)),
        bias(random_floats(t.n, 4)) {
    // No byte past the last element may be read or written.
    a.resize(a.size() - std::min(a.size(), std::size_t{3}));
    b.resize(b.size() - std::min(b.size(), std::size_t{5}));
    c.resize(c.size() - 2);
  }
  MatrixView view_a(const Case& t) const {
    return {a.data(), static_cast<std::ptrdiff_t>(a_stride), t.transpose_a};
  }
  MatrixView view_b(const Case& t) const {
    return {b.data(), static_cast<std::ptrdiff_t>(b_stride), t.transpose_b};
  }
  GemmEpilogue epilogue(const Case& t) const {
    return {t.alpha, t.beta, t.bias ? bias.data() : nullptr, t.relu};
  }
  std::ptrdiff_t stride_c() const { return static_cast<std::ptrdiff_t>(c_stride); }

  std::size_t a_stride, b_stride, c_stride;
  std::vector<float> a, b, c, bias;
};

std::vector<double> expected_c(const Case& t, const Operands& x) {
  std::vector<double> c(x.c.begin(), x.c.end());
  for (std::size_t i = 0; i < t.m; ++i) {
    for (std::size_t j = 0; j < t.n; ++j) {
      double sum = 0;
      for (std::size_t p = 0; p < t.k; ++p) {
        const double av = t.transpose_a ? x.a[p * x.a_stride + i] : x.a[i * x.a_stride + p];
        const double bv = t.transpose_b ? x.b[j * x.b_stride + p] : x.b[p * x.b_stride + j];
        sum += av * bv;
      }
      double& out = c[i * x.c_stride + j];
      out = t.alpha * sum + (t.beta == 0 ? 0.0 : t.beta * out) + (t.bias ? x.bias[j] : 0.0);
      if (t.relu) out = std::max(out, 0.0);
    }
  }
  return c;
}

std::vector<float> run_gemm(const Case& t, const Operands& x) {
  std::vector<float> c = x.c;
  Scratch scratch(gemm_scratch_bytes(t.m, t.n, t.k));
  gemm(t.m, t.n, t.k, x.view_a(t), x.view_b(t), c.data(), x.stride_c(), x.epilogue(t),
       scratch.data());
  EXPECT_TRUE(scratch.intact());
  return c;
}

std::vector<float> run_packed(const Case& t, const Operands& x, std::size_t parts) {
  std::vector<float> c = x.c;
  Scratch packed(gemm_packed_b_bytes(t.n, t.k));
  for (std::size_t part = 0; part < parts; ++part) {
    gemm_pack_b_part(t.n, t.k, x.view_b(t), packed.floats(), part, parts);
  }
  Scratch scratch(gemm_packed_scratch_bytes(t.m, t.k));
  gemm_packed(t.m, t.n, t.k, x.view_a(t), packed.floats(), c.data(), x.stride_c(), x.epilogue(t),
              scratch.data());
  EXPECT_TRUE(scratch.intact());
  EXPECT_TRUE(packed.intact());
  return c;
}

TEST(Gemm, AgreesWithDoublePrecisionOverShapesAndTransposes) {
  const std::size_t shapes[][3] = {{1, 1, 1},     {1, 70, 33},   {3, 5, 7},      {14, 32, 16},
                                   {15, 33, 17},  {29, 31, 330}, {37, 129, 65},  {350, 40, 50},
                                   {100, 10, 64}, {6, 16, 9},    {13, 1100, 40}, {64, 150, 700},
                                   {7, 11, 0},    {28, 48, 1024}};
  for (const auto& s : shapes) {
    for (int orientation = 0; orientation < 4; ++orientation) {
      for (int variant = 0; variant < 3; ++variant) {
        const Case t{s[0], s[1], s[2], (orientation & 1) != 0, (orientation & 2) != 0,
                     variant == 0 ? 1.0f : 0.7f, variant == 2 ? -1.3f : 0.0f, variant > 0,
                     variant == 2};
        SCOPED_TRACE(::testing::Message() << s[0] << "x" << s[1] << "x" << s[2] << " orientation "
                                          << orientation << " variant " << variant);
        const Operands x(t);
        const auto expected = expected_c(t, x);
        const auto plain = run_gemm(t, x);
        EXPECT_LT(relative_error(plain, expected), 2e-6);
        EXPECT_EQ(run_packed(t, x, 1), plain);
        EXPECT_EQ(run_packed(t, x, 3), plain);
      }
    }
  }
}

TEST(Gemm, BitsDoNotDependOnHowRowsOrColumnsAreCut) {
  const Case t{61, 150, 701, false, false, 1.0f, 0.0f, true, true};
  const Operands x(t);
  const auto whole = run_gemm(t, x);
  for (const std::size_t step : {1u, 5u, 14u, 40u}) {
    std::vector<float> rows = x.c, columns = x.c;
    for (std::size_t first = 0; first < t.m; first += step) {
      const std::size_t count = std::min(step, t.m - first);
      Scratch scratch(gemm_scratch_bytes(count, t.n, t.k));
      MatrixView a = x.view_a(t);
      a.data += first * x.a_stride;
      gemm(count, t.n, t.k, a, x.view_b(t), rows.data() + first * x.c_stride, x.stride_c(),
           x.epilogue(t), scratch.data());
    }
    for (std::size_t first = 0; first < t.n; first += step) {
      const std::size_t count = std::min(step, t.n - first);
      Scratch scratch(gemm_scratch_bytes(t.m, count, t.k));
      MatrixView b = x.view_b(t);
      b.data += first;
      GemmEpilogue epilogue = x.epilogue(t);
      epilogue.bias += first;
      gemm(t.m, count, t.k, x.view_a(t), b, columns.data() + first, x.stride_c(), epilogue,
           scratch.data());
    }
    EXPECT_EQ(rows, whole) << "rows by " << step;
    EXPECT_EQ(columns, whole) << "columns by " << step;
  }
}

TEST(Gemm, BetaZeroNeverReadsC) {
  const Case t{20, 37, 12, false, true, 2.0f, 0.0f, false, false};
  Operands x(t);
  const auto expected = run_gemm(t, x);
  std::vector<float> c(x.c.size(), NAN);
  Scratch scratch(gemm_scratch_bytes(t.m, t.n, t.k));
  gemm(t.m, t.n, t.k, x.view_a(t), x.view_b(t), c.data(), x.stride_c(), x.epilogue(t),
       scratch.data());
  for (std::size_t i = 0; i < t.m; ++i) {
    for (std::size_t j = 0; j < t.n; ++j) {
      EXPECT_EQ(c[i * x.c_stride + j], expected[i * x.c_stride + j]);
    }
  }
}

TEST(Gemm, ReluKeepsNan) {
  const float a[] = {NAN, -1.0f}, b[] = {1.0f};
  float c[2];
  Scratch scratch(gemm_scratch_bytes(2, 1, 1));
  gemm(2, 1, 1, {a, 1}, {b, 1}, c, 1, {1.0f, 0.0f, nullptr, true}, scratch.data());
  EXPECT_TRUE(std::isnan(c[0]));
  EXPECT_EQ(c[1], 0.0f);
}

}  // namespace
}  // namespace strata::kernels
