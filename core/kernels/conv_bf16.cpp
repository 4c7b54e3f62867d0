#include "core/kernels/conv_bf16.h"

#include <algorithm>

#include "core/kernels/gemm_bf16.h"

namespace strata::kernels {
namespace {

// Rows of a product: their panels should leave room in the second-level cache.
constexpr Index kPanelElements = 1 << 17;
constexpr Index kMostRows = 168, kFewestRows = 28;
// Positions that a weight gradient sums before it adds to dw.
constexpr Index kDepth = 512;

std::size_t unsigned_of(Index x) { return static_cast<std::size_t>(x); }
std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
Index taps(const Conv2DGeometry& g) { return g.kernel_height * g.kernel_width; }
Index rows_of_block(Index k) { return std::clamp(kPanelElements / k, kFewestRows, kMostRows); }

// One axis: where tap k of position `to` reads, or -1.
struct Axis {
  Index stride, dilation, pad, from_size;
  Index forward(Index to, Index k) const { return inside(to * stride - pad + k * dilation); }
  Index backward(Index to, Index k) const { return inside(to + pad - k * dilation); }  // stride 1
  Index inside(Index at) const { return at >= 0 && at < from_size ? at : -1; }
};

// Where each position of the result reads its taps.
struct Sources {
  bool backward;
  Axis rows, columns;
  Index to_height, to_width, channels;  // channels of what is read
};
Sources forward_sources(const Conv2DGeometry& g) {
  return {false,
          {g.stride_height, g.dilation_height, g.pad_top, g.in_height},
          {g.stride_width, g.dilation_width, g.pad_left, g.in_width},
          g.out_height,
          g.out_width,
          g.in_channels};
}
Sources data_sources(const Conv2DGeometry& g) {
  return {true,
          {1, g.dilation_height, g.pad_top, g.out_height},
          {1, g.dilation_width, g.pad_left, g.out_width},
          g.in_height,
          g.in_width,
          g.out_channels};
}

// to[tap * count + r]: what position first + r reads for the tap, null outside.
void find_rows(const Conv2DGeometry& g, const Sources& s, Index first, Index count, const BFloat16* from,
               const BFloat16** to) {
  const Index image = s.rows.from_size * s.columns.from_size * s.channels;
  for (Index r = 0; r < count; ++r) {
    const Index j = (first + r) % s.to_width, line = (first + r) / s.to_width;
    const Index i = line % s.to_height;
    const BFloat16* base = from + line / s.to_height * image;
    for (Index p = 0; p < g.kernel_height; ++p) {
      const Index row = s.backward ? s.rows.backward(i, p) : s.rows.forward(i, p);
      for (Index q = 0; q < g.kernel_width; ++q) {
        const Index column = s.backward ? s.columns.backward(j, q) : s.columns.forward(j, q);
        to[(p * g.kernel_width + q) * count + r] =
            row < 0 || column < 0 ? nullptr : base + (row * s.columns.from_size + column) * s.channels;
      }
    }
  }
}

std::size_t pointer_bytes(Index count) { return aligned(unsigned_of(count) * sizeof(const BFloat16*)); }

std::size_t product_scratch_bytes(const Conv2DGeometry& g, const Sources& s) {
  const Index k = taps(g) * s.channels, rows = rows_of_block(k);
  return pointer_bytes(taps(g) * rows) + aligned(bf16_product_scratch_bytes(unsigned_of(rows), unsigned_of(k)));
}

void products(const Conv2DGeometry& g, const Sources& s, Index first, Index last, const BFloat16* from,
              const void* packed, Index to_channels, const Bf16Epilogue& epilogue, BFloat16* to, void* scratch) {
  const Index step = rows_of_block(taps(g) * s.channels);
  auto** rows = static_cast<const BFloat16**>(scratch);
  auto* panels = static_cast<std::byte*>(scratch) + pointer_bytes(taps(g) * step);
  for (Index at = first; at < last; at += step) {
    const Index count = std::min(step, last - at);
    find_rows(g, s, at, count, from, rows);
    bf16_product(unsigned_of(count), unsigned_of(to_channels), {rows, unsigned_of(taps(g)), unsigned_of(s.channels)},
                 packed, to + at * to_channels, to_channels, epilogue, panels);
  }
}

}  // namespace

bool conv_bf16_applies(const Conv2DGeometry& g) {
  return g.groups == 1 && g.in_channels % 2 == 0 && g.out_channels % 2 == 0;
}

std::size_t conv_bf16_forward_kernel_bytes(const Conv2DGeometry& g) {
  return bf16_packed_bytes(unsigned_of(g.out_channels), unsigned_of(g.patch()));
}

void conv_bf16_forward_prepare(const Conv2DGeometry& g, const BFloat16* w, void* packed, Index part, Index parts) {
  bf16_pack(unsigned_of(g.out_channels), unsigned_of(g.patch()), {w, g.out_channels}, packed, unsigned_of(part),
            unsigned_of(parts));
}

std::size_t conv_bf16_forward_scratch_bytes(const Conv2DGeometry& g) {
  return product_scratch_bytes(g, forward_sources(g));
}

void conv_bf16_forward(const Conv2DGeometry& g, Index first, Index last, const BFloat16* x, const void* packed,
                       const BFloat16* bias, bool relu, BFloat16* y, void* scratch) {
  products(g, forward_sources(g), first, last, x, packed, g.out_channels, {bias, relu}, y, scratch);
}

std::size_t conv_bf16_data_kernel_bytes(const Conv2DGeometry& g) {
  return bf16_packed_bytes(unsigned_of(g.in_channels), unsigned_of(taps(g) * g.out_channels));
}

void conv_bf16_data_prepare(const Conv2DGeometry& g, const BFloat16* w, void* packed, Index part, Index parts) {
  bf16_pack(unsigned_of(g.in_channels), unsigned_of(taps(g) * g.out_channels),
            {w, g.out_channels, true, unsigned_of(taps(g)), g.in_channels * g.out_channels}, packed, unsigned_of(part),
            unsigned_of(parts));
}

std::size_t conv_bf16_data_scratch_bytes(const Conv2DGeometry& g) { return product_scratch_bytes(g, data_sources(g)); }

void conv_bf16_data_gradient(const Conv2DGeometry& g, Index first, Index last, const BFloat16* dy, const void* packed,
                             BFloat16* dx, void* scratch) {
  products(g, data_sources(g), first, last, dy, packed, g.in_channels, {}, dx, scratch);
}

std::size_t conv_bf16_weight_scratch_bytes(const Conv2DGeometry& g) {
  return pointer_bytes(taps(g) * kDepth) +
         aligned(bf16_packed_bytes(unsigned_of(g.out_channels), unsigned_of(kDepth))) +
         aligned(bf16_transposed_product_scratch_bytes(unsigned_of(g.in_channels), unsigned_of(kDepth)));
}

void conv_bf16_weight_gradient(const Conv2DGeometry& g, Index first, Index last, const BFloat16* x, const BFloat16* dy,
                               float* dw, void* scratch) {
  const Sources sources = forward_sources(g);
  auto** rows = static_cast<const BFloat16**>(scratch);
  auto* packed = static_cast<std::byte*>(scratch) + pointer_bytes(taps(g) * kDepth);
  auto* panels = packed + aligned(bf16_packed_bytes(unsigned_of(g.out_channels), unsigned_of(kDepth)));
  for (Index at = first; at < last; at += kDepth) {
    const Index count = std::min(kDepth, last - at);
    find_rows(g, sources, at, count, x, rows);
    bf16_pack(unsigned_of(g.out_channels), unsigned_of(count), {dy + at * g.out_channels, g.out_channels}, packed, 0,
              1);
    for (Index tap = 0; tap < taps(g); ++tap)
      bf16_add_transposed_product(unsigned_of(g.in_channels), unsigned_of(g.out_channels), unsigned_of(count),
                                  rows + tap * count, packed, dw + tap * g.in_channels * g.out_channels, g.out_channels,
                                  panels);
  }
}

}  // namespace strata::kernels
