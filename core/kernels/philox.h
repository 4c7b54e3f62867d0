// Philox4x32-10 random numbers (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", SC'11), addressed by index: element i of a stream depends on nothing but i, the key,
// the stream and the step, so any split of a tensor over threads or tiles gives the same numbers.
//
// Free-standing like math_functions.h. Functions named `..._at` compute one element and run on
// either side; the `fill_...` functions are host loops that the compilers vectorize.
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

// A sequence of 2^66 words. `stream` tells apart the uses of one key, `step` the repetitions of one
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

}  // namespace strata::philox
