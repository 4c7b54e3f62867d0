// What the random ops compute out of Philox's words (philox.h), for one element or for one block of words, on the host
// and on a GPU. Free-standing (core/base/host_device.h). The host's own loops are in philox_fill.h and
// core/ops/random.cpp; words, and so dropout's choices and integers, are the same there in every bit, other numbers up
// to rounding.
#pragma once

#include "core/kernels/elements.h"
#include "core/kernels/philox.h"

namespace strata::philox {

using Signed = long;  // std::int64_t, without its header
static_assert(sizeof(Signed) == 8);

/// The stream of a use, from the state (seed, step) that stands in memory.
STRATA_HD inline Stream stream_of(const Signed* state, Word number) {
  return {key_from_seed(static_cast<Index>(state[0])), number, static_cast<Word>(state[1])};
}

// ---------------------------------------------------------------- truncated normal numbers

// erf(sqrt 2): the chance of a normal number within two standard deviations.
inline constexpr double within_two = 0.95449973610364158;

/// sqrt 2 times the inverse error function, for |x| <= erf(sqrt 2). M. Giles, "Approximating the erfinv function", GPU
/// Computing Gems, Jade Edition, 2011: the single-precision polynomial of the central region.
template <math::Real T>
STRATA_HD inline T normal_quantile(T x) {
  const T w = -math::log((T(1) - x) * (T(1) + x)) - T(2.5);
  T p = T(2.81022636e-08);
  p = T(3.43273939e-07) + p * w;
  p = T(-3.5233877e-06) + p * w;
  p = T(-4.39150654e-06) + p * w;
  p = T(0.00021858087) + p * w;
  p = T(-0.00125372503) + p * w;
  p = T(-0.00417768164) + p * w;
  p = T(0.246640727) + p * w;
  p = T(1.50140941) + p * w;
  return T(1.41421356237309505) * p * x;
}

/// A normal number within [-2, 2] out of a uniform one in [0, 1).
STRATA_HD inline float truncated_normal_from_uniform(float u) {
  // The middle of each of the 2^24 intervals.
  const float x = (2.0f * u - 0.999999940395355225f) * static_cast<float>(within_two);
  return math::minimum(math::maximum(normal_quantile(x), -2.0f), 2.0f);
}
STRATA_HD inline double truncated_normal_from_uniform(double u) {
  const double x = (2.0 * u - (1.0 - 0x1p-53)) * within_two;
  double q = normal_quantile(x);
  for (int step = 0; step < 2; ++step)  // Newton: from 1e-7 to the last bits
    q -= (math::erf(q * 0.70710678118654752) - x) * 1.2533141373155003 * math::exp(0.5 * q * q);
  return math::minimum(math::maximum(q, -2.0), 2.0);
}

// ---------------------------------------------------------------- integers and dropout

/// low + the word's share of `range` <= 2^32 numbers.
STRATA_HD inline Signed integer_from_word(Word w, Signed low, Index range) {
  return low + static_cast<Signed>((w * range) >> 32);
}

/// Whether a word keeps its element: words below `threshold` (of 24 bits) drop.
struct Keep {
  int threshold;
  double scale;
  STRATA_HD bool operator()(Word w) const { return static_cast<int>(w >> 8) >= threshold; }
};

/// x scaled, or 0: both are computed, so that loops are vectorized.
template <class T>
STRATA_HD inline T kept_or_zero(bool keep, T x, tiles::Arithmetic<T> scale) {
  const auto kept = tiles::load(x) * scale;
  return tiles::store<T>(keep ? kept : tiles::Arithmetic<T>(0));
}

// ---------------------------------------------------------------- loops over blocks
// f(b) for every block b of 4 words fills elements 4 b to 4 b + 3 (of f64: 2 b and 2 b + 1) of `count`.

/// y = shift + scale z, z drawn by Draw: `z(word block)` gives per_block numbers.
template <class T, class Draw>
struct FillBlocks {
  using Z = tiles::Arithmetic<T>;
  T* y;
  Index count;
  const Signed* state;
  Word stream;
  double shift, scale;
  static constexpr Index per_block = sizeof(Z) == 8 ? 2 : 4;

  STRATA_HD static Index blocks(Index count) { return (count + per_block - 1) / per_block; }
  STRATA_HD void operator()(Index b) const {
    Z z[per_block];
    Draw{}(block_at(b, stream_of(state, stream)), z);
    for (Index k = 0; k < per_block && b * per_block + k < count; ++k)
      y[b * per_block + k] = tiles::store<T>(static_cast<Z>(shift) + static_cast<Z>(scale) * z[k]);
  }
};

struct DrawUniform {
  STRATA_HD void operator()(Block w, float (&z)[4]) const {
    for (int k = 0; k < 4; ++k) z[k] = uniform_from_word(w.word[k]);
  }
  STRATA_HD void operator()(Block w, double (&z)[2]) const {
    for (int k = 0; k < 2; ++k) z[k] = uniform_from_words(w.word[2 * k], w.word[2 * k + 1]);
  }
};
struct DrawNormal {
  STRATA_HD void operator()(Block w, float (&z)[4]) const {
    for (int k = 0; k < 4; k += 2) {
      const Pair<float> pair = normals_from_words(w.word[k], w.word[k + 1]);
      z[k] = pair.first;
      z[k + 1] = pair.second;
    }
  }
  STRATA_HD void operator()(Block w, double (&z)[2]) const {
    const Pair<double> pair = normals_from_block(w);
    z[0] = pair.first;
    z[1] = pair.second;
  }
};
struct DrawTruncatedNormal {
  template <class Z, int n>
  STRATA_HD void operator()(Block w, Z (&z)[n]) const {
    DrawUniform{}(w, z);
    for (int k = 0; k < n; ++k) z[k] = truncated_normal_from_uniform(z[k]);
  }
};

/// Integers low to low + range - 1.
template <class T>
struct IntegerBlocks {
  T* y;
  Index count;
  const Signed* state;
  Word stream;
  Signed low;
  Index range;

  STRATA_HD static Index blocks(Index count) { return (count + 3) / 4; }
  STRATA_HD void operator()(Index b) const {
    const Block w = block_at(b, stream_of(state, stream));
    for (Index k = 0; k < 4 && 4 * b + k < count; ++k)
      y[4 * b + k] = static_cast<T>(integer_from_word(w.word[k], low, range));
  }
};

/// Dropout with a word for each element.
template <class T>
struct DropoutBlocks {
  const T* x;
  T* y;
  Index count;
  const Signed* state;
  Word stream;
  Keep keep;

  STRATA_HD static Index blocks(Index count) { return (count + 3) / 4; }
  STRATA_HD void operator()(Index b) const {
    const Block w = block_at(b, stream_of(state, stream));
    const auto scale = static_cast<tiles::Arithmetic<T>>(keep.scale);
    for (Index k = 0; k < 4 && 4 * b + k < count; ++k)
      y[4 * b + k] = kept_or_zero(keep(w.word[k]), x[4 * b + k], scale);
  }
};

}  // namespace strata::philox
