#pragma once

// One SIMD vector of floats, as wide as the instruction set that this file is compiled for.
// Internal to core/kernels: the width differs between the levels the library is built for, so
// nothing declared here may appear in an interface.

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/base/half.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace strata::kernels {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
#elif defined(__AVX__)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));

inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }

inline Vec broadcast(float x) { return x - Vec{}; }

// Elementwise maximum that keeps a NaN in `x`, as max(0, x) must in a relu.
inline Vec max_keeping_nan(Vec bound, Vec x) { return bound > x ? bound : x; }

inline Vec relu(Vec x) { return max_keeping_nan(Vec{}, x); }

#if defined(__AVX2__) && !defined(__AVX512F__)
namespace detail {
inline __m256i first_lanes(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
}  // namespace detail
#endif

// The first `count` lanes (1 <= count <= kLanes); the others read as zero, memory past them is
// not touched.
inline Vec load_first(const float* p, int count) {
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1u << count) - 1u);
  return (Vec)_mm512_maskz_loadu_ps(mask, p);
#elif defined(__AVX2__)
  return (Vec)_mm256_maskload_ps(p, detail::first_lanes(count));
#else
  Vec v{};
  for (int i = 0; i < count; ++i) v[i] = p[i];
  return v;
#endif
}

inline void store_first(float* p, Vec v, int count) {
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1u << count) - 1u);
  _mm512_mask_storeu_ps(p, mask, (__m512)v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, detail::first_lanes(count), (__m256)v);
#else
  for (int i = 0; i < count; ++i) p[i] = v[i];
#endif
}

// The same for bfloat16 in memory: reading is exact, writing rounds to nearest even and keeps NaN.
typedef unsigned short Words __attribute__((vector_size(kLanes * sizeof(unsigned short))));
typedef unsigned Bits __attribute__((vector_size(kLanes * sizeof(unsigned))));

inline Vec widened(Words x) { return (Vec)(__builtin_convertvector(x, Bits) << 16); }

inline Words narrowed(Vec x) {
  const Bits u = (Bits)x;
  const Bits rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return __builtin_convertvector(x == x ? rounded : (u >> 16) | 0x40u, Words);
}

inline Vec load_first(const BFloat16* p, int count) {
  Words x{};
  std::memcpy(&x, p, static_cast<std::size_t>(count) * sizeof *p);
  return widened(x);
}

inline Vec load(const BFloat16* p) {
  Words x;
  std::memcpy(&x, p, sizeof x);
  return widened(x);
}

inline void store(BFloat16* p, Vec v) {
  const Words x = narrowed(v);
  std::memcpy(static_cast<void*>(p), &x, sizeof x);
}

inline void store_first(BFloat16* p, Vec v, int count) {
  const Words x = narrowed(v);
  std::memcpy(static_cast<void*>(p), &x, static_cast<std::size_t>(count) * sizeof *p);
}

// Calls f(integral_constant<0>) ... f(integral_constant<N-1>): a loop that is certain to be
// unrolled, which keeps an array of accumulators in registers on both compilers.
template <int N, typename F>
__attribute__((always_inline)) inline void unroll(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }(std::make_integer_sequence<int, N>{});
}

struct WholeVector {
  template <typename E>
  static Vec read(const E* p) {
    return load(p);
  }
  template <typename E>
  static void write(E* p, Vec v) {
    store(p, v);
  }
};

struct FirstLanes {
  int lanes;
  template <typename E>
  Vec read(const E* p) const {
    return load_first(p, lanes);
  }
  template <typename E>
  void write(E* p, Vec v) const {
    store_first(p, v, lanes);
  }
};

// Calls f(c, io) for the vectors of `channels` adjacent floats, c being the first channel of each;
// io reads and writes whole vectors, or the first lanes of the last one.
template <typename F>
__attribute__((always_inline)) inline void for_each_vector(std::ptrdiff_t channels, F&& f) {
  std::ptrdiff_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) f(c, WholeVector{});
  if (c < channels) f(c, FirstLanes{static_cast<int>(channels - c)});
}

namespace detail {

template <int D, bool kUpper, std::size_t... J>
inline Vec exchange(Vec a, Vec b, std::index_sequence<J...>) {
  // Lane j of the lower result is a[j] or b[j - D], of the upper a[j + D] or b[j], chosen by
  // the bit D of j. Indices kLanes and up address b.
  constexpr auto pick = [](int j) {
    const bool from_b = (j & D) != 0;
    if (kUpper) return from_b ? kLanes + j : j + D;
    return from_b ? kLanes + j - D : j;
  };
  return __builtin_shufflevector(a, b, pick(static_cast<int>(J))...);
}

template <int D>
inline void transpose_stage(Vec (&rows)[kLanes]) {
  constexpr auto lanes = std::make_index_sequence<kLanes>{};
  unroll<kLanes>([&](auto i) __attribute__((always_inline)) {
    if constexpr ((i & D) == 0) {
      const Vec a = rows[i];
      const Vec b = rows[i + D];
      rows[i] = exchange<D, false>(a, b, lanes);
      rows[i + D] = exchange<D, true>(a, b, lanes);
    }
  });
  if constexpr (D > 1) transpose_stage<D / 2>(rows);
}

}  // namespace detail

// Transposes a square of kLanes x kLanes floats in registers.
inline void transpose(Vec (&rows)[kLanes]) { detail::transpose_stage<kLanes / 2>(rows); }

}  // namespace strata::kernels
