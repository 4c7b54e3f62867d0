#include "core/kernels/philox_fill.h"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace strata::philox {
namespace {

// A 64-bit lane holds one 32-bit word of the state of one block; the upper half may hold anything.
// Left to itself GCC 12 multiplies 32 by 32 bits through shuffles, at 40 % of this speed.
#if defined(__AVX512F__)
// (The unmasked intrinsic draws a warning of GCC 12 about its own header.)
using Lanes [[gnu::vector_size(64)]] = Index;
inline Lanes multiply_low_halves(Lanes a, Lanes b) {
  return (Lanes)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
}
#elif defined(__AVX2__)
using Lanes [[gnu::vector_size(32)]] = Index;
inline Lanes multiply_low_halves(Lanes a, Lanes b) {
  return (Lanes)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
#elif defined(__SSE2__)
using Lanes [[gnu::vector_size(16)]] = Index;
inline Lanes multiply_low_halves(Lanes a, Lanes b) {
  return (Lanes)_mm_mul_epu32((__m128i)a, (__m128i)b);
}
#else
using Lanes [[gnu::vector_size(16)]] = Index;
inline Lanes multiply_low_halves(Lanes a, Lanes b) {
  return (a & 0xffffffffu) * (b & 0xffffffffu);
}
#endif
constexpr Index lanes = sizeof(Lanes) / sizeof(Index);

// Everything is produced in tiles that start at a multiple of their size, always by the same code on
// the same lanes: that is what makes an element independent of the range asked for.
constexpr Index tile_blocks = 64;
constexpr Index tile_words = 4 * tile_blocks;

struct WordTile {
  alignas(64) Word word[tile_words];
};

// Blocks first to first + tile_blocks - 1.
void make_words(WordTile& tile, Index first, Stream s) {
  alignas(64) Index low[tile_blocks];   // words 0 and 1 of each block
  alignas(64) Index high[tile_blocks];  // words 2 and 3
  Lanes lane{};
  for (Index i = 0; i < lanes; ++i) lane[i] = i;
  const Lanes by_0 = Lanes{} + multiplier_0;
  const Lanes by_1 = Lanes{} + multiplier_1;
  for (Index j = 0; j < tile_blocks; j += lanes) {
    Lanes c0 = lane + (first + j);
    Lanes c1 = c0 >> 32;
    Lanes c2 = Lanes{} + s.stream;
    Lanes c3 = Lanes{} + s.step;
#pragma GCC unroll 10
    for (Word i = 0; i < static_cast<Word>(rounds); ++i) {
      const Lanes product_0 = multiply_low_halves(c0, by_0);
      const Lanes product_1 = multiply_low_halves(c2, by_1);
      c0 = (product_1 >> 32) ^ c1 ^ Index{s.key.low + i * key_increment_low};
      c2 = (product_0 >> 32) ^ c3 ^ Index{s.key.high + i * key_increment_high};
      c1 = product_1;
      c3 = product_0;
    }
    const Lanes pair_low = (c0 & 0xffffffffu) | (c1 << 32);
    const Lanes pair_high = (c2 & 0xffffffffu) | (c3 << 32);
    std::memcpy(low + j, &pair_low, sizeof pair_low);
    std::memcpy(high + j, &pair_high, sizeof pair_high);
  }
  alignas(64) Index blocks[2 * tile_blocks];
  for (Index j = 0; j < tile_blocks; ++j) {
    blocks[2 * j] = low[j];
    blocks[2 * j + 1] = high[j];
  }
  static_assert(sizeof blocks == sizeof tile.word);
  std::memcpy(tile.word, blocks, sizeof blocks);
}

struct Words {
  using Element = Word;
  static constexpr Index elements = tile_words;
  static void convert(const WordTile& w, Element* y) { std::memcpy(y, w.word, sizeof w.word); }
};

struct UniformFloat {
  using Element = float;
  static constexpr Index elements = tile_words;
  static void convert(const WordTile& w, Element* y) {
    for (Index i = 0; i < elements; ++i) y[i] = uniform_from_word(w.word[i]);  // LOOP uniform(float)
  }
};

struct UniformDouble {
  using Element = double;
  static constexpr Index elements = tile_words / 2;
  static void convert(const WordTile& w, Element* y) {
    for (Index i = 0; i < elements; ++i) {  // LOOP uniform(double)
      y[i] = uniform_from_words(w.word[2 * i], w.word[2 * i + 1]);
    }
  }
};

struct NormalFloat {
  using Element = float;
  static constexpr Index elements = tile_words;
  static void convert(const WordTile& w, Element* y) {
    for (Index i = 0; i < elements; i += 2) {  // LOOP normal(float)
      const Pair<float> pair = normals_from_words(w.word[i], w.word[i + 1]);
      y[i] = pair.first;
      y[i + 1] = pair.second;
    }
  }
};

struct NormalDouble {
  using Element = double;
  static constexpr Index elements = tile_words / 2;
  static void convert(const WordTile& w, Element* y) {
    for (Index i = 0; i < elements; i += 2) {
      const Word* b = w.word + 2 * i;
      const Pair<double> pair = normals_from_block({{b[0], b[1], b[2], b[3]}});
      y[i] = pair.first;
      y[i + 1] = pair.second;
    }
  }
};

template <typename Kind>
void fill(typename Kind::Element* out, Index first, Index count, Stream s) {
  WordTile words;
  alignas(64) typename Kind::Element tile[Kind::elements];
  while (count > 0) {
    const Index number = first / Kind::elements;
    const Index skipped = first % Kind::elements;
    const Index taken = std::min(count, Kind::elements - skipped);
    make_words(words, number * tile_blocks, s);
    Kind::convert(words, tile);
    std::memcpy(out, tile + skipped, taken * sizeof *out);
    out += taken;
    first += taken;
    count -= taken;
  }
}

}  // namespace

void fill_u32(Word* out, Index first, Index count, Stream s) { fill<Words>(out, first, count, s); }

void fill_uniform(float* out, Index first, Index count, Stream s) {
  fill<UniformFloat>(out, first, count, s);
}
void fill_uniform(double* out, Index first, Index count, Stream s) {
  fill<UniformDouble>(out, first, count, s);
}

void fill_normal(float* out, Index first, Index count, Stream s) {
  fill<NormalFloat>(out, first, count, s);
}
void fill_normal(double* out, Index first, Index count, Stream s) {
  fill<NormalDouble>(out, first, count, s);
}

}  // namespace strata::philox
