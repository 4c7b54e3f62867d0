#include "core/kernels/gemm_bf16.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "core/kernels/simd.h"

#if defined(__AVX512F__) && defined(__AVX512BW__)
#include <cpuid.h>

namespace strata::kernels {
namespace {

using Index = std::ptrdiff_t;

// As in gemm_micro.h: 28 accumulators, two vectors of B and a broadcast pair of A fill the registers.
constexpr Index kRows = 14;
constexpr Index kColumns = 2 * kLanes;

constexpr Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }
constexpr Index pairs_of(Index k) { return (k + 1) / 2; }
Index signed_of(std::size_t x) { return static_cast<Index>(x); }

__mmask16 first(Index lanes) { return static_cast<__mmask16>((1u << std::clamp<Index>(lanes, 0, kLanes)) - 1u); }

// The two instructions are written as text: with a compiler option they would need a library of their own, since
// nothing else compiled with it could be shared with other processors.
inline void add_pairs(Vec& sum, __m512i a, __m512i b) { asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b)); }
inline __m256i rounded(Vec x) {
  __m256i y;
  asm("vcvtneps2bf16 %1, %0" : "=v"(y) : "v"(x));
  return y;
}

// (GCC 12 warns of the intrinsics that it defines by way of an undefined vector.)
Bits in_lower_half(__m256i x) { return __builtin_convertvector((Words)x, Bits); }

// Lane j: x[j] in the lower half, y[j] in the upper; null rows and lanes past `lanes` are zero.
__m512i interleaved(const BFloat16* x, const BFloat16* y, Index lanes) {
  const __mmask16 mask = first(lanes);
  const __m256i low = x == nullptr ? _mm256_setzero_si256() : _mm256_maskz_loadu_epi16(mask, x);
  const __m256i high = y == nullptr ? _mm256_setzero_si256() : _mm256_maskz_loadu_epi16(mask, y);
  return (__m512i)(in_lower_half(low) | (in_lower_half(high) << 16));
}

// Pairs p to p + kLanes of 16 rows, as far as they exist, turned: line l holds pair p + l of every row.
template <typename Row>
void load_turned(Row&& row, Index rows, Index p, Index pairs, Vec (&lines)[kLanes]) {
  const __mmask16 mask = first(pairs - p);
  for (Index i = 0; i < kLanes; ++i) {
    const BFloat16* from = i < rows ? row(i) : nullptr;
    lines[i] = from == nullptr ? Vec{} : (Vec)_mm512_maskz_loadu_epi32(mask, from + 2 * p);
  }
  transpose(lines);
}

// Panels of A as the tiles read them: `pairs` lines of kRows pairs for each `tile_rows` rows. A line is stored as a
// whole vector; what spills over is written by the next line, so lines go upwards, and kLanes pairs are spare at the
// end.
void pack_rows(const Bf16Rows& a, Index m, Index tile_rows, std::uint32_t* to) {
  const Index pairs = signed_of(a.length) / 2;
  for (Index i = 0; i < m; i += tile_rows) {
    for (Index s = 0; s < signed_of(a.segments); ++s) {
      const BFloat16* const* rows = a.rows + s * m + i;
      for (Index p = 0; p < pairs; p += kLanes) {
        Vec lines[kLanes];
        load_turned([&](Index r) { return rows[r]; }, std::min(tile_rows, m - i), p, pairs, lines);
        for (Index l = 0; l < std::min<Index>(kLanes, pairs - p); ++l, to += kRows)
          _mm512_storeu_si512(to, (__m512i)lines[l]);
      }
    }
  }
}

// The same for A^T: rows of the panels are the elements of A's rows.
void pack_columns(const BFloat16* const* rows, Index k, Index length, Index tile_rows, std::uint32_t* to) {
  const Index pairs = pairs_of(k);
  for (Index c = 0; c < length; c += tile_rows) {
    const Index lanes = std::min(tile_rows, length - c);
    for (Index p = 0; p < pairs; ++p, to += kRows) {
      const BFloat16 *x = rows[2 * p], *y = 2 * p + 1 < k ? rows[2 * p + 1] : nullptr;
      _mm512_storeu_si512(to, interleaved(x == nullptr ? nullptr : x + c, y == nullptr ? nullptr : y + c, lanes));
    }
  }
}

// kLanes columns of B, `lanes` of which exist, into lines of a panel.
void pack_lines(const Bf16Matrix& b, Index k, Index column, Index lanes, std::uint32_t* to) {
  for (Index p = 0; p < k; p += 2, to += kColumns) {
    const BFloat16* x = lanes <= 0 ? nullptr : b.data + p * b.stride + column;
    const BFloat16* y = lanes <= 0 || p + 1 >= k ? nullptr : x + b.stride;
    _mm512_storeu_si512(to, interleaved(x, y, lanes));
  }
}
void pack_lines_turned(const Bf16Matrix& b, Index k, Index column, Index lanes, std::uint32_t* to) {
  const Index pairs = k / signed_of(b.segments) / 2;
  for (Index s = 0; s < signed_of(b.segments); ++s) {
    const auto row = [&](Index i) { return b.data + s * b.segment_stride + (column + i) * b.stride; };
    for (Index p = 0; p < pairs; p += kLanes) {
      Vec lines[kLanes];
      load_turned(row, lanes, p, pairs, lines);
      for (Index l = 0; l < std::min<Index>(kLanes, pairs - p); ++l, to += kColumns)
        _mm512_storeu_si512(to, (__m512i)lines[l]);
    }
  }
}

struct Tile {
  Index pairs;
  const std::uint32_t* a;  // lines of kRows pairs
  const std::uint32_t* b;  // lines of kColumns pairs
  Index columns;           // that exist
  Index c_stride;
  BFloat16* c;  // rounded results go here, or
  float* sums;  // they are added here
  const BFloat16* bias;
  bool relu;
};

// Inlined, and without loops, as is all that sees the accumulators: they would be kept in memory otherwise.
template <int R>
__attribute__((always_inline)) inline void finish_rounded(const Tile& t, const Vec (&acc)[R][2]) {
  unroll<2>([&](auto v) __attribute__((always_inline)) {
    const __mmask16 mask = first(t.columns - v * kLanes);
    const Vec bias = t.bias == nullptr ? Vec{} : widened((Words)_mm256_maskz_loadu_epi16(mask, t.bias + v * kLanes));
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      const Vec x = t.bias == nullptr ? acc[r][v] : acc[r][v] + bias;
      _mm256_mask_storeu_epi16(t.c + r * t.c_stride + v * kLanes, mask, rounded(t.relu ? relu(x) : x));
    });
  });
}

template <int R>
void run_tile(const Tile& t) {
  Vec acc[R][2];
  unroll<2 * R>([&](auto i) __attribute__((always_inline)) { acc[i / 2][i % 2] = Vec{}; });
  const std::uint32_t *a = t.a, *b = t.b;
  const Index pairs = t.pairs;
  for (Index p = 0; p < pairs; ++p, a += kRows, b += kColumns) {
    const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + kLanes);
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      const __m512i pair = _mm512_set1_epi32(static_cast<int>(a[r]));
      add_pairs(acc[r][0], pair, b0);
      add_pairs(acc[r][1], pair, b1);
    });
  }
  if (t.c != nullptr) return finish_rounded<R>(t, acc);
  unroll<R>([&](auto r) __attribute__((always_inline)) {
    unroll<2>([&](auto v) __attribute__((always_inline)) {
      float* to = t.sums + r * t.c_stride + v * kLanes;
      const __mmask16 mask = first(t.columns - v * kLanes);
      _mm512_mask_storeu_ps(to, mask, _mm512_maskz_loadu_ps(mask, to) + (__m512)acc[r][v]);
    });
  });
}

using TileFunction = void (*)(const Tile&);
template <int... R>
constexpr std::array<TileFunction, sizeof...(R)> tile_functions(std::integer_sequence<int, R...>) {
  return {&run_tile<R + 1>...};
}
constexpr auto kTiles = tile_functions(std::make_integer_sequence<int, kRows>{});

// Rows in tiles of even height: a last tile of two rows would take as long as one of eight.
Index even_tile_rows(Index rows) {
  const Index tiles = (rows + kRows - 1) / kRows;
  return (rows + tiles - 1) / tiles;
}

// All tiles of packed A [m, k] times packed B [k, n].
void run_tiles(Index m, Index n, Index tile_rows, const std::uint32_t* a, const std::uint32_t* b, Tile tile) {
  BFloat16* const c = tile.c;
  float* const sums = tile.sums;
  const BFloat16* const bias = tile.bias;
  for (Index j = 0; j < n; j += kColumns, b += tile.pairs * kColumns) {
    tile.b = b;
    tile.columns = std::min(kColumns, n - j);
    tile.bias = bias == nullptr ? nullptr : bias + j;
    for (Index i = 0; i < m; i += tile_rows) {
      tile.a = a + i / tile_rows * kRows * tile.pairs;
      if (c != nullptr) tile.c = c + i * tile.c_stride + j;
      if (sums != nullptr) tile.sums = sums + i * tile.c_stride + j;
      kTiles[static_cast<std::size_t>(std::min(tile_rows, m - i) - 1)](tile);
    }
  }
}

std::size_t panel_bytes(std::size_t rows, std::size_t k) {
  return static_cast<std::size_t>(round_up(signed_of(rows), kRows) * pairs_of(signed_of(k)) + kLanes) *
         sizeof(std::uint32_t);
}

}  // namespace

std::string_view bf16_products_lack() {
  static const std::string_view lack = []() -> std::string_view {
    const char* wanted = std::getenv("STRATA_BF16_PRODUCTS");
    if (wanted != nullptr && std::string_view(wanted) == "0") return "STRATA_BF16_PRODUCTS=0 turns off AVX512-BF16";
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool found = __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 5)) != 0;
    return found ? "" : "the processor has no AVX512-BF16";
  }();
  return lack;
}

std::size_t bf16_packed_bytes(std::size_t n, std::size_t k) {
  return static_cast<std::size_t>(round_up(signed_of(n), kColumns) * pairs_of(signed_of(k))) * sizeof(std::uint32_t);
}

void bf16_pack(std::size_t n, std::size_t k, Bf16Matrix b, void* packed, std::size_t part, std::size_t parts) {
  const Index panels = round_up(signed_of(n), kColumns) / kColumns;
  const Index last = panels * signed_of(part + 1) / signed_of(parts);
  for (Index panel = panels * signed_of(part) / signed_of(parts); panel < last; ++panel) {
    auto* to = static_cast<std::uint32_t*>(packed) + panel * kColumns * pairs_of(signed_of(k));
    for (Index v = 0; v < kColumns; v += kLanes) {
      const Index column = panel * kColumns + v;
      if (b.transposed)
        pack_lines_turned(b, signed_of(k), column, signed_of(n) - column, to + v);
      else
        pack_lines(b, signed_of(k), column, signed_of(n) - column, to + v);
    }
  }
}

std::size_t bf16_product_scratch_bytes(std::size_t m, std::size_t k) { return panel_bytes(m, k); }

void bf16_product(std::size_t m, std::size_t n, const Bf16Rows& a, const void* packed_b, BFloat16* c,
                  std::ptrdiff_t c_stride, const Bf16Epilogue& epilogue, void* scratch) {
  auto* panels = static_cast<std::uint32_t*>(scratch);
  const Index tile_rows = even_tile_rows(signed_of(m));
  pack_rows(a, signed_of(m), tile_rows, panels);
  Tile tile{};
  tile.pairs = signed_of(a.segments * a.length) / 2;
  tile.c_stride = c_stride;
  tile.c = c;
  tile.bias = epilogue.bias;
  tile.relu = epilogue.relu;
  run_tiles(signed_of(m), signed_of(n), tile_rows, panels, static_cast<const std::uint32_t*>(packed_b), tile);
}

std::size_t bf16_transposed_product_scratch_bytes(std::size_t length, std::size_t k) { return panel_bytes(length, k); }

void bf16_add_transposed_product(std::size_t length, std::size_t n, std::size_t k, const BFloat16* const* rows,
                                 const void* packed_b, float* c, std::ptrdiff_t c_stride, void* scratch) {
  auto* panels = static_cast<std::uint32_t*>(scratch);
  const Index tile_rows = even_tile_rows(signed_of(length));
  pack_columns(rows, signed_of(k), signed_of(length), tile_rows, panels);
  Tile tile{};
  tile.pairs = pairs_of(signed_of(k));
  tile.c_stride = c_stride;
  tile.sums = c;
  run_tiles(signed_of(length), signed_of(n), tile_rows, panels, static_cast<const std::uint32_t*>(packed_b), tile);
}

}  // namespace strata::kernels

#else

// Never called, since there are no such products.
namespace strata::kernels {
std::string_view bf16_products_lack() {
#if defined(__x86_64__)
  return "this build of the library is for processors without AVX-512, which AVX512-BF16 belongs to";
#else
  return "only x86-64 processors have AVX512-BF16";
#endif
}
std::size_t bf16_packed_bytes(std::size_t, std::size_t) { return 0; }
void bf16_pack(std::size_t, std::size_t, Bf16Matrix, void*, std::size_t, std::size_t) {}
std::size_t bf16_product_scratch_bytes(std::size_t, std::size_t) { return 0; }
void bf16_product(std::size_t, std::size_t, const Bf16Rows&, const void*, BFloat16*, std::ptrdiff_t,
                  const Bf16Epilogue&, void*) {}
std::size_t bf16_transposed_product_scratch_bytes(std::size_t, std::size_t) { return 0; }
void bf16_add_transposed_product(std::size_t, std::size_t, std::size_t, const BFloat16* const*, const void*, float*,
                                 std::ptrdiff_t, void*) {}
}  // namespace strata::kernels

#endif
