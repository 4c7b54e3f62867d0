#include "core/kernels/gemm_micro.h"

#include <array>

namespace strata::kernels {
namespace {

// Rows are addressed from a base per three rows, so that x86 can form base + {0, 1, 2} * stride
// in the instruction; fourteen row pointers would not fit the integer registers.
inline constexpr int kRowsPerBase = 3;

template <int R, AOrder kOrder>
struct ARows {
  static constexpr int kBases = (R + kRowsPerBase - 1) / kRowsPerBase;
  const float* bases[kBases];
  std::ptrdiff_t stride;

  ARows(const float* a, std::ptrdiff_t a_stride) : stride(a_stride) {
    for (int i = 0; i < kBases; ++i) {
      bases[i] = kOrder == AOrder::rows ? a + i * kRowsPerBase * a_stride : a;
    }
  }
  template <int kRow>
  float get(std::size_t p) const {
    if constexpr (kOrder == AOrder::columns) {
      return bases[0][kRow];
    } else {
      return bases[kRow / kRowsPerBase][(kRow % kRowsPerBase) * stride +
                                        static_cast<std::ptrdiff_t>(p)];
    }
  }
  void advance() {
    if constexpr (kOrder == AOrder::columns) bases[0] += stride;
  }
};

// Writes one vector of a row of the tile: lanes == kLanes but at the right edge of C.
inline void write(const MicroTile& t, float* c, const float* bias, Vec x, int lanes) {
  const bool whole = lanes == kLanes;
  x *= t.alpha;
  if (t.beta != 0.0f) x += t.beta * (whole ? load(c) : load_first(c, lanes));
  if (bias != nullptr) x += whole ? load(bias) : load_first(bias, lanes);
  if (t.relu) x = relu(x);
  if (whole) {
    store(c, x);
  } else {
    store_first(c, x, lanes);
  }
}

template <int R, int V, AOrder kOrder>
void run_tile(const MicroTile& t) {
  Vec acc[R][V];
  unroll<R * V>([&](auto i) __attribute__((always_inline)) { acc[i / V][i % V] = Vec{}; });
  ARows<R, kOrder> a(t.a, t.a_stride);
  const float* b = t.b;
  const std::ptrdiff_t b_stride = t.b_stride;
  const std::size_t k = t.k;
  for (std::size_t p = 0; p < k; ++p) {
    Vec bv[V];
    unroll<V>([&](auto v) __attribute__((always_inline)) { bv[v] = load(b + v * kLanes); });
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      const Vec av = broadcast(a.template get<r>(p));
      unroll<V>([&](auto v) __attribute__((always_inline)) { acc[r][v] += av * bv[v]; });
    });
    b += b_stride;
    a.advance();
  }
  const bool plain = t.last_lanes == kLanes && t.bias == nullptr && !t.relu && t.alpha == 1.0f;
  float* c = t.c;
  if (plain && t.beta == 0.0f) {
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      unroll<V>([&](auto v) __attribute__((always_inline)) { store(c + v * kLanes, acc[r][v]); });
      c += t.c_stride;
    });
    return;
  }
  if (plain && t.beta == 1.0f) {
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      unroll<V>([&](auto v) __attribute__((always_inline)) {
        store(c + v * kLanes, load(c + v * kLanes) + acc[r][v]);
      });
      c += t.c_stride;
    });
    return;
  }
  unroll<R>([&](auto r) __attribute__((always_inline)) {
    unroll<V>([&](auto v) __attribute__((always_inline)) {
      const float* bias = t.bias == nullptr ? nullptr : t.bias + v * kLanes;
      write(t, c + v * kLanes, bias, acc[r][v], v == V - 1 ? t.last_lanes : kLanes);
    });
    c += t.c_stride;
  });
}

template <AOrder kOrder, int V, int... R>
constexpr std::array<MicroKernel, sizeof...(R)> kernels_of(std::integer_sequence<int, R...>) {
  return {&run_tile<R + 1, V, kOrder>...};
}

template <AOrder kOrder, int V>
constexpr auto kKernels = kernels_of<kOrder, V>(std::make_integer_sequence<int, kTileRows>{});

}  // namespace

MicroKernel micro_kernel(int rows, int vectors, AOrder order) {
  const auto i = static_cast<std::size_t>(rows - 1);
  if (order == AOrder::rows) {
    return vectors == 1 ? kKernels<AOrder::rows, 1>[i] : kKernels<AOrder::rows, 2>[i];
  }
  return vectors == 1 ? kKernels<AOrder::columns, 1>[i] : kKernels<AOrder::columns, 2>[i];
}

}  // namespace strata::kernels
