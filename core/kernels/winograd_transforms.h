#pragma once

// The one-dimensional transforms of Winograd's (Toom-Cook's) F(4, 3) with the points
// 0, +-p, +-q and infinity, after A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural
// Networks" (2015), with the interpolation points left open. Four outputs of a filter of three
// taps g over six inputs d are
//   y = A^T [(G g) . (B^T d)],
// where row x of G is [1, x, x^2] / product of (x - other points), row x of B^T holds the
// coefficients of the product of (t - other points), and column x of A^T is [1, x, x^2, x^3].
// The two-dimensional transforms apply them to the columns and then to the rows of a tile.
// Internal to core/kernels.

#include "core/kernels/simd.h"

namespace strata::kernels {

inline constexpr int kWinogradOut = 4;     // outputs of a tile in each dimension
inline constexpr int kWinogradIn = 6;      // inputs of a tile
inline constexpr int kWinogradTaps = 3;    // of the filter
inline constexpr int kWinogradPoints = 36; // products of a tile

// p = sqrt(1/2), q = sqrt(2) keep the constants of all transforms near one: the largest error of
// the outputs is a quarter of what the usual points 1 and 2 give (which would miss the 5e-6 that
// winograd.h promises).
inline constexpr float kP = 0.70710678118654752f;
inline constexpr float kQ = 1.41421356237309505f;
inline constexpr float kPP = 0.5f;
inline constexpr float kQQ = 2.0f;

// B^T d, six to six.
struct InputTransform {
  static constexpr int kFrom = kWinogradIn, kTo = kWinogradIn;
  __attribute__((always_inline)) static void apply(const Vec (&d)[6], Vec (&v)[6]) {
    const Vec even_p = d[4] - kQQ * d[2], odd_p = kP * (d[3] - kQQ * d[1]);
    const Vec even_q = d[4] - kPP * d[2], odd_q = kQ * (d[3] - kPP * d[1]);
    v[0] = kPP * kQQ * d[0] - (kPP + kQQ) * d[2] + d[4];
    v[1] = even_p + odd_p;
    v[2] = even_p - odd_p;
    v[3] = even_q + odd_q;
    v[4] = even_q - odd_q;
    v[5] = kPP * kQQ * d[1] - (kPP + kQQ) * d[3] + d[5];
  }
};

// A^T m, six to four.
struct OutputTransform {
  static constexpr int kFrom = kWinogradIn, kTo = kWinogradOut;
  __attribute__((always_inline)) static void apply(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec sum_p = m[1] + m[2], difference_p = m[1] - m[2];
    const Vec sum_q = m[3] + m[4], difference_q = m[3] - m[4];
    y[0] = m[0] + sum_p + sum_q;
    y[1] = kP * difference_p + kQ * difference_q;
    y[2] = kPP * sum_p + kQQ * sum_q;
    y[3] = kPP * kP * difference_p + kQQ * kQ * difference_q + m[5];
  }
};

// A y, four to six: the transpose of the output transform, for the gradient of the outputs.
struct OutputGradientTransform {
  static constexpr int kFrom = kWinogradOut, kTo = kWinogradIn;
  __attribute__((always_inline)) static void apply(const Vec (&y)[4], Vec (&m)[6]) {
    const Vec even_p = y[0] + kPP * y[2], odd_p = kP * y[1] + kPP * kP * y[3];
    const Vec even_q = y[0] + kQQ * y[2], odd_q = kQ * y[1] + kQQ * kQ * y[3];
    m[0] = y[0];
    m[1] = even_p + odd_p;
    m[2] = even_p - odd_p;
    m[3] = even_q + odd_q;
    m[4] = even_q - odd_q;
    m[5] = y[3];
  }
};

inline constexpr float kScaleZero = 1.0f / (kPP * kQQ);
inline constexpr float kScaleP = 1.0f / (2.0f * kPP * (kPP - kQQ));
inline constexpr float kScaleQ = 1.0f / (2.0f * kQQ * (kQQ - kPP));

// G g, three to six.
struct KernelTransform {
  static constexpr int kFrom = kWinogradTaps, kTo = kWinogradIn;
  __attribute__((always_inline)) static void apply(const Vec (&g)[3], Vec (&u)[6]) {
    const Vec even_p = kScaleP * (g[0] + kPP * g[2]), odd_p = kScaleP * kP * g[1];
    const Vec even_q = kScaleQ * (g[0] + kQQ * g[2]), odd_q = kScaleQ * kQ * g[1];
    u[0] = kScaleZero * g[0];
    u[1] = even_p + odd_p;
    u[2] = even_p - odd_p;
    u[3] = even_q + odd_q;
    u[4] = even_q - odd_q;
    u[5] = g[2];
  }
};

// G^T s, six to three: the transpose, for the gradient of the taps.
struct KernelGradientTransform {
  static constexpr int kFrom = kWinogradIn, kTo = kWinogradTaps;
  __attribute__((always_inline)) static void apply(const Vec (&s)[6], Vec (&g)[3]) {
    const Vec sum_p = kScaleP * (s[1] + s[2]), difference_p = kScaleP * (s[1] - s[2]);
    const Vec sum_q = kScaleQ * (s[3] + s[4]), difference_q = kScaleQ * (s[3] - s[4]);
    g[0] = kScaleZero * s[0] + sum_p + sum_q;
    g[1] = kP * difference_p + kQ * difference_q;
    g[2] = kPP * sum_p + kQQ * sum_q + s[5];
  }
};

// T applied to both dimensions of a square tile: read(row, column) gives its elements,
// write(row, column, value) takes the result's.
template <typename T, typename Read, typename Write>
__attribute__((always_inline)) inline void transform_tile(Read&& read, Write&& write) {
  Vec half[T::kTo][T::kFrom];
  for (int column = 0; column < T::kFrom; ++column) {
    Vec from[T::kFrom], to[T::kTo];
    unroll<T::kFrom>([&](auto i) __attribute__((always_inline)) { from[i] = read(i, column); });
    T::apply(from, to);
    unroll<T::kTo>([&](auto i) __attribute__((always_inline)) { half[i][column] = to[i]; });
  }
  for (int row = 0; row < T::kTo; ++row) {
    Vec to[T::kTo];
    T::apply(half[row], to);
    unroll<T::kTo>([&](auto i) __attribute__((always_inline)) { write(row, i, to[i]); });
  }
}

}  // namespace strata::kernels
