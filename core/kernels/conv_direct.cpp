#include "core/kernels/conv_direct.h"

#include <algorithm>

#include "core/kernels/gemm_micro.h"
#include "core/kernels/simd.h"

namespace strata::kernels {
namespace {

constexpr Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }

// Pixels of a row computed together. Thirteen by two vectors leave registers for the operands.
#if defined(__AVX512F__)
constexpr int kPixels = 13;
#else
constexpr int kPixels = 6;
#endif

// The input rows that one output row reads, with the padding written out.
struct PaddedRows {
  explicit PaddedRows(const Conv2DGeometry& g)
      : width((g.out_width - 1) * g.stride_width + (g.kernel_width - 1) * g.dilation_width + 1),
        row_floats(width * g.in_channels),
        pixel_step(g.stride_width * g.in_channels),
        tap_step(g.dilation_width * g.in_channels) {}

  void fill(const Conv2DGeometry& g, const float* image, Index out_row, float* rows) const {
    const Index first = std::clamp<Index>(g.pad_left, 0, width);
    const Index last = std::clamp<Index>(g.pad_left + g.in_width, first, width);
    for (Index p = 0; p < g.kernel_height; ++p) {
      float* to = rows + p * row_floats;
      const Index row = out_row * g.stride_height - g.pad_top + p * g.dilation_height;
      if (row < 0 || row >= g.in_height) {
        std::fill(to, to + row_floats, 0.0f);
        continue;
      }
      const float* from = image + (row * g.in_width + first - g.pad_left) * g.in_channels;
      std::fill(to, to + first * g.in_channels, 0.0f);
      std::copy(from, from + (last - first) * g.in_channels, to + first * g.in_channels);
      std::fill(to + last * g.in_channels, to + row_floats, 0.0f);
    }
  }

  Index width, row_floats, pixel_step, tap_step;
};

struct RowTask {
  const Conv2DGeometry& g;
  const PaddedRows& rows;
  const float* x;       // the padded rows
  const float* w;       // packed kernel
  Index w_step;         // its floats per tap
  const float* bias;    // null or [out_channels]
  bool with_relu;
  float* y;             // the output row
};

// P pixels from `pixel` on, V vectors of output channels from `channel` on.
template <int P, int V>
void run_pixels(const RowTask& task, Index pixel, Index channel) {
  const Conv2DGeometry& g = task.g;
  const Index pixel_step = task.rows.pixel_step;
  Vec acc[P][V];
  unroll<P * V>([&](auto i) __attribute__((always_inline)) { acc[i / V][i % V] = Vec{}; });
  const float* w = task.w + channel;
  for (Index p = 0; p < g.kernel_height; ++p) {
    const float* row = task.x + p * task.rows.row_floats + pixel * pixel_step;
    for (Index q = 0; q < g.kernel_width; ++q) {
      const float* x = row + q * task.rows.tap_step;
      for (Index c = 0; c < g.in_channels; ++c, ++x, w += task.w_step) {
        Vec wv[V];
        unroll<V>([&](auto v) __attribute__((always_inline)) { wv[v] = load(w + v * kLanes); });
        unroll<P>([&](auto i) __attribute__((always_inline)) {
          const Vec xv = broadcast(x[i * pixel_step]);
          unroll<V>([&](auto v) __attribute__((always_inline)) { acc[i][v] += xv * wv[v]; });
        });
      }
    }
  }
  const int last_lanes =
      static_cast<int>(std::min<Index>(kLanes, g.out_channels - channel - (V - 1) * kLanes));
  unroll<V>([&](auto v) __attribute__((always_inline)) {
    const Index first = channel + v * kLanes;
    const int lanes = v == V - 1 ? last_lanes : kLanes;
    const Vec shift = task.bias == nullptr ? Vec{} : load_first(task.bias + first, lanes);
    unroll<P>([&](auto i) __attribute__((always_inline)) {
      Vec value = acc[i][v] + shift;
      if (task.with_relu) value = relu(value);
      float* at = task.y + (pixel + i) * g.out_channels + first;
      if (lanes == kLanes) {
        store(at, value);
      } else {
        store_first(at, value, lanes);
      }
    });
  });
}

template <int P>
void run_channels(const RowTask& task, Index pixel) {
  Index channel = 0;
  for (; task.g.out_channels - channel > kLanes; channel += 2 * kLanes) {
    run_pixels<P, 2>(task, pixel, channel);
  }
  if (channel < task.g.out_channels) run_pixels<P, 1>(task, pixel, channel);
}

// The last group of a row overlaps the one before: its pixels are computed again, alike.
void run_row(const RowTask& task) {
  const Index width = task.g.out_width;
  if (width < kPixels) {
    for (Index pixel = 0; pixel < width; ++pixel) run_channels<1>(task, pixel);
    return;
  }
  for (Index pixel = 0; pixel < width; pixel += kPixels) {
    run_channels<kPixels>(task, std::min(pixel, width - kPixels));
  }
}

// dw[tap .. tap + rows][all channels] += sum over the pixels of a row of x[pixel][tap] * dy[pixel]:
// a product whose A, the overlapping patches, is read from the padded row in place.
void add_row_product(const Conv2DGeometry& g, const PaddedRows& rows, const float* x, Index taps,
                     const float* dy, float* dw) {
  MicroTile tile{};
  tile.k = static_cast<std::size_t>(g.out_width);
  tile.a_stride = rows.pixel_step;
  tile.b_stride = tile.c_stride = g.out_channels;
  tile.alpha = tile.beta = 1.0f;
  for (Index first = 0; first < taps; first += kTileRows) {
    const int count = static_cast<int>(std::min<Index>(kTileRows, taps - first));
    tile.a = x + first;
    for (Index o = 0; o < g.out_channels; o += kTileColumns) {
      const Index columns = std::min<Index>(kTileColumns, g.out_channels - o);
      const int vectors = static_cast<int>((columns + kLanes - 1) / kLanes);
      tile.last_lanes = static_cast<int>(columns - (vectors - 1) * kLanes);
      tile.b = dy + o;
      tile.c = dw + first * g.out_channels + o;
      micro_kernel(count, vectors, AOrder::columns)(tile);
    }
  }
}

Index padded_channels(const Conv2DGeometry& g) { return round_up(g.out_channels, kLanes); }

}  // namespace

Index conv_direct_units(const Conv2DGeometry& g) { return g.batch * g.out_height; }

std::size_t conv_direct_kernel_bytes(const Conv2DGeometry& g) {
  return static_cast<std::size_t>(g.patch() * padded_channels(g)) * sizeof(float);
}

void conv_direct_pack_kernel(const Conv2DGeometry& g, const float* w, float* packed) {
  const Index step = padded_channels(g);
  for (Index tap = 0; tap < g.patch(); ++tap) {
    const float* from = w + tap * g.out_channels;
    float* to = packed + tap * step;
    std::copy(from, from + g.out_channels, to);
    std::fill(to + g.out_channels, to + step, 0.0f);
  }
}

std::size_t conv_direct_scratch_bytes(const Conv2DGeometry& g) {
  const Index rows = g.kernel_height * PaddedRows(g).row_floats;
  const Index dy_row = g.out_channels % kLanes == 0 ? 0 : g.out_width * g.out_channels + kLanes;
  return static_cast<std::size_t>(rows + dy_row) * sizeof(float);
}

void conv_direct_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                         const float* x, const float* packed, const float* bias, bool relu,
                         float* y, void* scratch) {
  const PaddedRows rows(g);
  auto* padded = static_cast<float*>(scratch);
  for (Index unit = first_unit; unit < last_unit; ++unit) {
    rows.fill(g, x + unit / g.out_height * g.in_image(), unit % g.out_height, padded);
    run_row({g, rows, padded, packed, padded_channels(g), bias, relu,
             y + unit * g.out_width * g.out_channels});
  }
}

void conv_direct_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                                 const float* x, const float* dy, float* dw, void* scratch) {
  const PaddedRows rows(g);
  auto* padded = static_cast<float*>(scratch);
  float* dy_copy = padded + g.kernel_height * rows.row_floats;
  const Index dy_floats = g.out_width * g.out_channels;
  // Without dilation the taps of a row of the kernel lie side by side.
  const bool adjacent = g.dilation_width == 1;
  const Index runs = adjacent ? 1 : g.kernel_width;
  const Index taps = adjacent ? g.kernel_width * g.in_channels : g.in_channels;
  for (Index unit = first_unit; unit < last_unit; ++unit) {
    rows.fill(g, x + unit / g.out_height * g.in_image(), unit % g.out_height, padded);
    const float* dy_row = dy + unit * dy_floats;
    if (g.out_channels % kLanes != 0) {  // the product reads whole vectors: not past the end
      std::copy(dy_row, dy_row + dy_floats, dy_copy);
      std::fill(dy_copy + dy_floats, dy_copy + dy_floats + kLanes, 0.0f);
      dy_row = dy_copy;
    }
    for (Index p = 0; p < g.kernel_height; ++p) {
      for (Index run = 0; run < runs; ++run) {
        add_row_product(g, rows, padded + p * rows.row_floats + run * rows.tap_step, taps, dy_row,
                        dw + (p * g.kernel_width + run) * g.in_channels * g.out_channels);
      }
    }
  }
}

}  // namespace strata::kernels
