#include "core/kernels/depthwise.h"

#include <algorithm>
#include <cstdint>

#include "core/kernels/simd.h"

namespace strata::kernels {
namespace {

// Pixels that share one load of a kernel value.
constexpr int kPixels = 6;

// Both directions read: y takes tap k of row i from x at i * stride - pad + k * dilation; dx takes
// it from dy at (i + pad - k * dilation) / stride, where that divides.
enum class Direction { forward, data_gradient };

struct Axis {
  Index stride, dilation, pad, taps, from_size;

  // Where `to` reads tap k, or -1.
  template <Direction kDirection>
  Index source(Index to, Index k) const {
    if constexpr (kDirection == Direction::forward) {
      const Index at = to * stride - pad + k * dilation;
      return at >= 0 && at < from_size ? at : -1;
    } else {
      const Index scaled = to + pad - k * dilation;
      if (scaled < 0 || scaled % stride != 0) return -1;
      return scaled / stride < from_size ? scaled / stride : -1;
    }
  }
};

struct Pass {
  Axis rows, columns;
  Index to_height, to_width, channels;
};

Pass forward_pass(const Conv2DGeometry& g) {
  return {{g.stride_height, g.dilation_height, g.pad_top, g.kernel_height, g.in_height},
          {g.stride_width, g.dilation_width, g.pad_left, g.kernel_width, g.in_width},
          g.out_height, g.out_width, g.out_channels};
}

Pass gradient_pass(const Conv2DGeometry& g) {
  return {{g.stride_height, g.dilation_height, g.pad_top, g.kernel_height, g.out_height},
          {g.stride_width, g.dilation_width, g.pad_left, g.kernel_width, g.out_width},
          g.in_height, g.in_width, g.out_channels};
}

// Bit q of masks[j]: column j of the result has a source for tap q.
template <Direction kDirection>
void fill_masks(const Pass& pass, std::uint64_t* masks) {
  for (Index j = 0; j < pass.to_width; ++j) {
    masks[j] = 0;
    for (Index q = 0; q < pass.columns.taps; ++q) {
      if (pass.columns.source<kDirection>(j, q) >= 0) masks[j] |= std::uint64_t{1} << q;
    }
  }
}

struct RowTask {
  const Pass& pass;
  const std::uint64_t* masks;
  const float* from;  // an image
  const float* w;
  const float* bias;  // null or [channels]
  bool with_relu;
  Index row;
  float* to;          // the row of the result
};

// P pixels, `step` columns apart, that read the same taps. `step` is chosen so that their sources
// are `from_step` columns apart.
template <Direction kDirection, int P>
void run_pixels(const RowTask& task, Index column, Index step, Index from_step) {
  const Pass& pass = task.pass;
  const Index channels = pass.channels;
  for (Index c = 0; c < channels; c += kLanes) {
    const int lanes = static_cast<int>(std::min<Index>(kLanes, channels - c));
    const bool whole = lanes == kLanes;
    const Vec start = task.bias == nullptr ? Vec{}
                      : whole              ? load(task.bias + c)
                                           : load_first(task.bias + c, lanes);
    Vec acc[P];
    unroll<P>([&](auto i) __attribute__((always_inline)) { acc[i] = start; });
    for (Index p = 0; p < pass.rows.taps; ++p) {
      const Index from_row = pass.rows.source<kDirection>(task.row, p);
      if (from_row < 0) continue;
      for (std::uint64_t left = task.masks[column]; left != 0; left &= left - 1) {
        const Index q = __builtin_ctzll(left);
        const Index from_column = pass.columns.source<kDirection>(column, q);
        const float* x =
            task.from + (from_row * pass.columns.from_size + from_column) * channels + c;
        const float* w = task.w + (p * pass.columns.taps + q) * channels + c;
        const Vec wv = whole ? load(w) : load_first(w, lanes);
        unroll<P>([&](auto i) __attribute__((always_inline)) {
          const float* at = x + i * from_step * channels;
          acc[i] += wv * (whole ? load(at) : load_first(at, lanes));
        });
      }
    }
    unroll<P>([&](auto i) __attribute__((always_inline)) {
      const Vec value = task.with_relu ? relu(acc[i]) : acc[i];
      float* at = task.to + (column + i * step) * channels + c;
      if (whole) {
        store(at, value);
      } else {
        store_first(at, value, lanes);
      }
    });
  }
}

template <Direction kDirection>
void run_row(const RowTask& task) {
  const bool forward = kDirection == Direction::forward;
  const Index stride = task.pass.columns.stride;
  // Backwards, columns a stride apart read the same taps of neighbouring sources.
  const Index step = forward ? 1 : stride;
  const Index from_step = forward ? stride : 1;
  for (Index phase = 0; phase < step; ++phase) {
    Index column = phase;
    while (column < task.pass.to_width) {
      bool alike = column + (kPixels - 1) * step < task.pass.to_width;
      for (int i = 1; alike && i < kPixels; ++i) {
        alike = task.masks[column + i * step] == task.masks[column];
      }
      if (alike) {
        run_pixels<kDirection, kPixels>(task, column, step, from_step);
      } else {
        run_pixels<kDirection, 1>(task, column, step, from_step);
      }
      column += alike ? kPixels * step : step;
    }
  }
}

Index multiplier(const Conv2DGeometry& g) { return g.out_channels / g.in_channels; }

// The input spread over the output channels: to[pixel][c * multiplier + m] = x[pixel][c].
void spread(const Conv2DGeometry& g, const float* x, float* to) {
  const Index times = multiplier(g);
  for (Index i = 0; i < g.in_image(); ++i) std::fill_n(to + i * times, times, x[i]);
}

void gather(const Conv2DGeometry& g, const float* from, float* dx) {
  const Index times = multiplier(g);
  for (Index i = 0; i < g.in_image(); ++i) {
    float sum = 0.0f;
    for (Index m = 0; m < times; ++m) sum += from[i * times + m];
    dx[i] = sum;
  }
}

// An image spread over the output channels, present with a multiplier above 1.
Index spread_floats(const Conv2DGeometry& g) {
  return multiplier(g) == 1 ? 0 : g.in_height * g.in_width * g.out_channels;
}

std::size_t scratch_bytes(Index masks, const Conv2DGeometry& g) {
  return static_cast<std::size_t>(masks) * sizeof(std::uint64_t) +
         static_cast<std::size_t>(spread_floats(g)) * sizeof(float);
}

// dw += the products of one row of dy, four vectors of channels at a time.
void add_row_gradient(const Conv2DGeometry& g, const float* image, Index row, const float* dy,
                      float* dw) {
  constexpr int kVectors = 4;
  const Axis rows = forward_pass(g).rows, columns = forward_pass(g).columns;
  const Index channels = g.out_channels;
  for (Index p = 0; p < g.kernel_height; ++p) {
    const Index from_row = rows.source<Direction::forward>(row, p);
    if (from_row < 0) continue;
    for (Index q = 0; q < g.kernel_width; ++q) {
      Index first = 0, last = g.out_width;
      while (first < last && columns.source<Direction::forward>(first, q) < 0) ++first;
      while (last > first && columns.source<Direction::forward>(last - 1, q) < 0) --last;
      if (first == last) continue;
      const float* x = image + (from_row * g.in_width +
                                columns.source<Direction::forward>(first, q)) * channels;
      const Index x_step = g.stride_width * channels;
      float* to = dw + (p * g.kernel_width + q) * channels;
      Index c = 0;
      for (; c + kVectors * kLanes <= channels; c += kVectors * kLanes) {
        Vec acc[kVectors];
        unroll<kVectors>([&](auto v) __attribute__((always_inline)) { acc[v] = Vec{}; });
        for (Index j = first; j < last; ++j) {
          unroll<kVectors>([&](auto v) __attribute__((always_inline)) {
            acc[v] += load(x + (j - first) * x_step + c + v * kLanes) *
                      load(dy + j * channels + c + v * kLanes);
          });
        }
        unroll<kVectors>([&](auto v) __attribute__((always_inline)) {
          store(to + c + v * kLanes, load(to + c + v * kLanes) + acc[v]);
        });
      }
      for (; c < channels; c += kLanes) {
        const int lanes = static_cast<int>(std::min<Index>(kLanes, channels - c));
        Vec acc{};
        for (Index j = first; j < last; ++j) {
          acc += load_first(x + (j - first) * x_step + c, lanes) *
                 load_first(dy + j * channels + c, lanes);
        }
        store_first(to + c, load_first(to + c, lanes) + acc, lanes);
      }
    }
  }
}

}  // namespace

bool depthwise_applies(const Conv2DGeometry& g) {
  return g.groups == g.in_channels && g.groups > 1 && g.kernel_width <= 64;
}

Index depthwise_forward_units(const Conv2DGeometry& g) {
  return multiplier(g) == 1 ? g.batch * g.out_height : g.batch;
}

std::size_t depthwise_forward_scratch_bytes(const Conv2DGeometry& g) {
  return scratch_bytes(g.out_width, g);
}

void depthwise_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const float* x,
                       const float* w, const float* bias, bool relu, float* y, void* scratch) {
  const Pass pass = forward_pass(g);
  auto* masks = static_cast<std::uint64_t*>(scratch);
  auto* spread_image = reinterpret_cast<float*>(masks + g.out_width);
  fill_masks<Direction::forward>(pass, masks);
  const bool plain = multiplier(g) == 1;
  const Index rows = plain ? 1 : g.out_height;  // of a unit
  for (Index row = first_unit * rows; row < last_unit * rows; ++row) {
    const float* image = x + row / g.out_height * g.in_image();
    if (!plain && row % g.out_height == 0) spread(g, image, spread_image);
    run_row<Direction::forward>({pass, masks, plain ? image : spread_image, w, bias, relu,
                                 row % g.out_height, y + row * g.out_width * g.out_channels});
  }
}

Index depthwise_data_gradient_units(const Conv2DGeometry& g) {
  return multiplier(g) == 1 ? g.batch * g.in_height : g.batch;
}

std::size_t depthwise_data_gradient_scratch_bytes(const Conv2DGeometry& g) {
  return scratch_bytes(g.in_width, g);
}

void depthwise_data_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                             const float* dy, const float* w, float* dx, void* scratch) {
  const Pass pass = gradient_pass(g);
  auto* masks = static_cast<std::uint64_t*>(scratch);
  auto* spread_image = reinterpret_cast<float*>(masks + g.in_width);
  fill_masks<Direction::data_gradient>(pass, masks);
  const bool plain = multiplier(g) == 1;
  const Index rows = plain ? 1 : g.in_height;
  const Index row_floats = g.in_width * g.out_channels;
  for (Index row = first_unit * rows; row < last_unit * rows; ++row) {
    const Index n = row / g.in_height, i = row % g.in_height;
    float* to = plain ? dx + row * row_floats : spread_image + i * row_floats;
    run_row<Direction::data_gradient>(
        {pass, masks, dy + n * g.out_image(), w, nullptr, false, i, to});
    if (!plain && i == g.in_height - 1) gather(g, spread_image, dx + n * g.in_image());
  }
}

std::size_t depthwise_weight_gradient_scratch_bytes(const Conv2DGeometry& g) {
  return scratch_bytes(0, g);
}

void depthwise_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                               const float* x, const float* dy, float* dw, void* scratch) {
  auto* spread_image = static_cast<float*>(scratch);
  const bool plain = multiplier(g) == 1;
  const Index rows = plain ? 1 : g.out_height;
  for (Index row = first_unit * rows; row < last_unit * rows; ++row) {
    const float* image = x + row / g.out_height * g.in_image();
    if (!plain && row % g.out_height == 0) spread(g, image, spread_image);
    add_row_gradient(g, plain ? image : spread_image, row % g.out_height,
                     dy + row * g.out_width * g.out_channels, dw);
  }
}

}  // namespace strata::kernels
