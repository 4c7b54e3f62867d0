// Philox4x32-10 random numbers (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", SC'11), addressed by index: element i of a stream depends on nothing but i, the key,
// the stream and the step, so any split of a tensor over threads or tiles gives the same numbers.
//
// Free-standing like math_functions.h; these functions compute one element and run on either side.
// The host's loops over many elements are in philox_fill.h.
#pragma once

#include "core/kernels/math_functions.h"

namespace strata::philox {

using Word = unsigned int;
using Index = unsigned long long;
static_assert(sizeof(Word) == 4 && sizeof(Index) == 8);

struct Key {
  Word low;
  Word high;
};

STRATA_HD inline Key key_from_seed(Index seed) {
  return {static_cast<Word>(seed), static_cast<Word>(seed >> 32)};
}

// A sequence of 2^64 words. `stream` tells apart the uses of one key, `step` the repetitions of one
// use (training steps, calls).
struct Stream {
  Key key;
  Word stream;
  Word step;
};

struct Block {
  Word word[4];
};

inline constexpr Word multiplier_0 = 0xd2511f53u;
inline constexpr Word multiplier_1 = 0xcd9e8d57u;
inline constexpr Word key_increment_low = 0x9e3779b9u;   // golden ratio
inline constexpr Word key_increment_high = 0xbb67ae85u;  // sqrt(3) - 1
inline constexpr int rounds = 10;

// The bijection itself.
STRATA_HD inline Block philox4x32_10(Block counter, Key key) {
  Word c0 = counter.word[0], c1 = counter.word[1], c2 = counter.word[2], c3 = counter.word[3];
  for (int i = 0; i < rounds; ++i) {
    const Index product_0 = static_cast<Index>(multiplier_0) * c0;
    const Index product_1 = static_cast<Index>(multiplier_1) * c2;
    const Word round = static_cast<Word>(i);
    c0 = static_cast<Word>(product_1 >> 32) ^ c1 ^ (key.low + round * key_increment_low);
    c2 = static_cast<Word>(product_0 >> 32) ^ c3 ^ (key.high + round * key_increment_high);
    c1 = static_cast<Word>(product_1);
    c3 = static_cast<Word>(product_0);
  }
  return {{c0, c1, c2, c3}};
}

// Words 4 b to 4 b + 3 of the stream: counter (b low, b high, stream, step).
STRATA_HD inline Block block_at(Index b, Stream s) {
  return philox4x32_10({{static_cast<Word>(b), static_cast<Word>(b >> 32), s.stream, s.step}}, s.key);
}

// Word i of the stream.
STRATA_HD inline Word word_at(Index i, Stream s) { return block_at(i / 4, s).word[i % 4]; }

// ---------------------------------------------------------------- words to numbers
// The conversions go through signed integers, which every x86-64 level converts in vectors.

// Uniform in [0, 1): the word's upper 24 bits times 2^-24, exactly.
STRATA_HD inline float uniform_from_word(Word w) {
  return static_cast<float>(static_cast<int>(w >> 8)) * 5.9604644775390625e-8f;
}

// Uniform in [0, 1): 27 bits of the first word above 26 of the second, times 2^-53, exactly.
STRATA_HD inline double uniform_from_words(Word first, Word second) {
  const double high = static_cast<double>(static_cast<int>(first >> 5));
  const double low = static_cast<double>(static_cast<int>(second >> 6));
  return (high * 67108864.0 + low) * 1.1102230246251565404e-16;
}

template <math::Real T>
struct Pair {
  T first;
  T second;
};

// Two independent standard normals by Box and Muller's method: sqrt(-2 log u) times cosine and sine
// of 2 pi v. u is in [2^-32, 1], so that no value exceeds 6.67.
STRATA_HD inline Pair<float> normals_from_words(Word a, Word b) {
  const float u = static_cast<float>(static_cast<int>(a >> 1)) * 4.656612873077392578125e-10f +
                  2.3283064365386962890625e-10f;
  const float radius = math::sqrt(-2.0f * math::log(u));
  const math::SinCos<float> turn = math::sin_cos_of_turns(uniform_from_word(b));
  return {radius * turn.cos, radius * turn.sin};
}

// The same from the block's two 53-bit uniforms; u is in [2^-54, 1], no value exceeds 8.66.
STRATA_HD inline Pair<double> normals_from_block(Block w) {
  const double u = uniform_from_words(w.word[0], w.word[1]) + 5.5511151231257827e-17;
  const double radius = math::sqrt(-2.0 * math::log(u));
  const math::SinCos<double> turn =
      math::sin_cos_of_turns(uniform_from_words(w.word[2], w.word[3]));
  return {radius * turn.cos, radius * turn.sin};
}

// ---------------------------------------------------------------- one element
// Element i of a float tensor takes word i (uniform) or the pair of words of which i is one
// (normal); of a double tensor words 2 i and 2 i + 1, or block i / 2.

STRATA_HD inline void uniform_at(Index i, Stream s, float& y) {
  y = uniform_from_word(word_at(i, s));
}
STRATA_HD inline void uniform_at(Index i, Stream s, double& y) {
  const Block w = block_at(i / 2, s);
  y = i % 2 == 0 ? uniform_from_words(w.word[0], w.word[1])
                 : uniform_from_words(w.word[2], w.word[3]);
}
STRATA_HD inline void normal_at(Index i, Stream s, float& y) {
  const Block w = block_at(i / 4, s);
  const Pair<float> pair = i % 4 < 2 ? normals_from_words(w.word[0], w.word[1])
                                     : normals_from_words(w.word[2], w.word[3]);
  y = i % 2 == 0 ? pair.first : pair.second;
}
STRATA_HD inline void normal_at(Index i, Stream s, double& y) {
  const Pair<double> pair = normals_from_block(block_at(i / 2, s));
  y = i % 2 == 0 ? pair.first : pair.second;
}

}  // namespace strata::philox
