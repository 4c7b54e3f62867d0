// Which pixels of an image a place between pixels is made of. Free-standing (core/base/host_device.h): the processor
// and a GPU compute the same. The rules are TensorFlow's ImageProjectiveTransformV3, which Keras's layers call.
#pragma once

#include "core/kernels/math_basic.h"

namespace strata {

/// What lies beyond the border of an image: one number everywhere; the image mirrored, its outermost pixels twice; the
/// image again; its outermost pixels.
enum class FillMode { constant, reflect, wrap, nearest };

namespace kernels {

/// A coordinate brought into [0, size - 1] by the fill mode; any other than `constant`. Beyond the first repetition
/// TensorFlow's `wrap` counts repetitions by size - 1 and ends at the border: so here, since trained models have seen
/// it.
template <math::Real T>
STRATA_HD inline T folded(FillMode mode, T at, T size) {
  const T last = size - T(1);
  if (mode != FillMode::nearest && size <= T(1)) return T(0);
  if (mode == FillMode::reflect) {
    const T phase = at - T(2) * size * math::floor(at / (T(2) * size));
    at = phase < size ? phase : T(2) * size - phase - T(1);
  } else if (mode == FillMode::wrap && at < T(0)) {
    at += size * (math::floor(-at / last) + T(1));
  } else if (mode == FillMode::wrap && at > last) {
    at -= size * math::floor(at / last);
  }
  return at < T(0) ? T(0) : at > last ? last : at;
}

/// To the nearest integer, halves away from zero.
template <math::Real T>
STRATA_HD inline T rounded_away(T x) {
  const T below = math::floor(math::abs(x));
  return math::copy_sign(math::abs(x) - below >= T(0.5) ? below + T(1) : below, x);
}

/// Up to four pixels of an image and what each counts; a pixel of -1 lies outside and has the fill value.
template <math::Real T>
struct Taps {
  int count;
  long pixel[4];  // row * width + column
  T weight[4];
};

/// How results find their pixels: for (x, y) of the result (a0 x + a1 y + a2, b0 x + b1 y + b2) / (c0 x + c1 y + 1),
/// with the transform (a0, a1, a2, b0, b1, b2, c0, c1).
template <math::Real T>
struct ImageSampler {
  long height, width;
  FillMode fill_mode;
  bool bilinear;

  STRATA_HD Taps<T> operator()(const T* t, T x, T y) const {
    const T divisor = t[6] * x + t[7] * y + T(1);
    const T u = (t[0] * x + t[1] * y + t[2]) / divisor, v = (t[3] * x + t[4] * y + t[5]) / divisor;
    // A point at infinity, or no number at all.
    if (divisor == T(0) || !(u - u == T(0)) || !(v - v == T(0))) return {1, {-1, -1, -1, -1}, {T(1), T(0), T(0), T(0)}};
    const T column = inside_reach(u, width), row = inside_reach(v, height);
    if (!bilinear)
      return {1, {pixel_at(rounded_away(row), rounded_away(column)), -1, -1, -1}, {T(1), T(0), T(0), T(0)}};
    const T top = math::floor(row), left = math::floor(column), down = row - top, right = column - left;
    return {4,
            {pixel_at(top, left), pixel_at(top, left + T(1)), pixel_at(top + T(1), left),
             pixel_at(top + T(1), left + T(1))},
            {(T(1) - down) * (T(1) - right), (T(1) - down) * right, down * (T(1) - right), down * right}};
  }

 private:
  /// Folded, or close enough to the image for an integer to hold it: what is further away is outside as well.
  STRATA_HD T inside_reach(T at, long size) const {
    const T n = static_cast<T>(size);
    if (fill_mode != FillMode::constant) return folded(fill_mode, at, n);
    return at < T(-2) ? T(-2) : at > n + T(1) ? n + T(1) : at;
  }
  STRATA_HD long pixel_at(T row, T column) const {
    const long r = static_cast<long>(row), c = static_cast<long>(column);
    return r >= 0 && r < height && c >= 0 && c < width ? r * width + c : -1;
  }
};

}  // namespace kernels
}  // namespace strata
