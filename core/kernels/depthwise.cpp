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

// One product of a result: offsets into the image read and into the kernel, at channel 0.
struct Tap {
  Index from, w;
};

// E is the element type of the images; kernels and sums are float.
template <typename E>
struct RowTask {
  const Pass& pass;
  const std::uint64_t* masks;
  Tap* taps;      // room for all taps of the kernel
  const E* from;  // an image
  const float* w;
  const float* bias;  // null or [channels]
  bool with_relu;
  Index row;
  E* to;  // the row of the result
};

// The taps of one pixel; returns how many.
template <Direction kDirection, typename E>
Index list_taps(const RowTask<E>& task, Index column) {
  const Pass& pass = task.pass;
  Index count = 0;
  for (Index p = 0; p < pass.rows.taps; ++p) {
    const Index from_row = pass.rows.source<kDirection>(task.row, p);
    if (from_row < 0) continue;
    for (std::uint64_t left = task.masks[column]; left != 0; left &= left - 1) {
      const Index q = __builtin_ctzll(left);
      const Index pixel =
          from_row * pass.columns.from_size + pass.columns.source<kDirection>(column, q);
      task.taps[count++] = {pixel * pass.channels, (p * pass.columns.taps + q) * pass.channels};
    }
  }
  return count;
}

// One vector of channels of P pixels that read the same taps, `to_step` floats apart; their
// sources are `from_step` floats apart.
template <int P, typename E, typename Io>
__attribute__((always_inline)) inline void run_vector(const RowTask<E>& task, Index taps, Index c, const Io& io, E* to,
                                                      Index to_step, Index from_step) {
  Vec acc[P];
  const Vec start = task.bias == nullptr ? Vec{} : io.read(task.bias + c);
  unroll<P>([&](auto i) __attribute__((always_inline)) { acc[i] = start; });
  for (Index t = 0; t < taps; ++t) {
    const E* x = task.from + task.taps[t].from + c;
    const Vec w = io.read(task.w + task.taps[t].w + c);
    unroll<P>([&](auto i) __attribute__((always_inline)) { acc[i] += w * io.read(x + i * from_step); });
  }
  unroll<P>([&](auto i) __attribute__((always_inline)) {
    io.write(to + c + i * to_step, task.with_relu ? relu(acc[i]) : acc[i]);
  });
}

// P pixels from `column` on, `step` columns apart, their sources `from_step` columns apart.
template <Direction kDirection, int P, typename E>
void run_pixels(const RowTask<E>& task, Index column, Index step, Index from_step) {
  const Index channels = task.pass.channels;
  const Index taps = list_taps<kDirection>(task, column);
  for_each_vector(channels, [&](Index c, auto io) __attribute__((always_inline)) {
    run_vector<P>(task, taps, c, io, task.to + column * channels, step * channels,
                  from_step * channels);
  });
}

template <Direction kDirection, typename E>
void run_row(const RowTask<E>& task) {
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

// Scratch of the forward pass and the data gradient: masks, taps, and the image spread.
struct RowScratch {
  RowScratch(const Conv2DGeometry& g, Index columns, void* scratch)
      : masks(static_cast<std::uint64_t*>(scratch)),
        taps(reinterpret_cast<Tap*>(masks + columns)),
        spread(reinterpret_cast<float*>(taps + g.kernel_height * g.kernel_width)) {}

  static std::size_t bytes(const Conv2DGeometry& g, Index columns) {
    return static_cast<std::size_t>(columns) * sizeof(std::uint64_t) +
           static_cast<std::size_t>(g.kernel_height * g.kernel_width) * sizeof(Tap) +
           static_cast<std::size_t>(spread_floats(g)) * sizeof(float);
  }

  std::uint64_t* masks;
  Tap* taps;
  float* spread;
};

// V vectors of channels: to += sum over `count` pixels of x * dy.
template <int V, typename E>
void add_products(const E* x, Index x_step, const E* dy, Index dy_step, Index count, float* to) {
  Vec acc[V];
  unroll<V>([&](auto v) __attribute__((always_inline)) { acc[v] = load(to + v * kLanes); });
  for (Index j = 0; j < count; ++j) {
    unroll<V>([&](auto v) __attribute__((always_inline)) {
      acc[v] += load(x + j * x_step + v * kLanes) * load(dy + j * dy_step + v * kLanes);
    });
  }
  unroll<V>([&](auto v) __attribute__((always_inline)) { store(to + v * kLanes, acc[v]); });
}

// As above for all channels.
template <typename E>
void add_products(const E* x, Index x_step, const E* dy, Index dy_step, Index count, Index channels, float* to) {
  Index c = 0;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes) {
    add_products<4>(x + c, x_step, dy + c, dy_step, count, to + c);
  }
  for (; c + 2 * kLanes <= channels; c += 2 * kLanes) {
    add_products<2>(x + c, x_step, dy + c, dy_step, count, to + c);
  }
  for (; c + kLanes <= channels; c += kLanes) {
    add_products<1>(x + c, x_step, dy + c, dy_step, count, to + c);
  }
  if (c == channels) return;
  const int lanes = static_cast<int>(channels - c);
  Vec acc = load_first(to + c, lanes);
  for (Index j = 0; j < count; ++j) {
    acc += load_first(x + j * x_step + c, lanes) * load_first(dy + j * dy_step + c, lanes);
  }
  store_first(to + c, acc, lanes);
}

// dw += the products of one row of dy.
template <typename E>
void add_row_gradient(const Conv2DGeometry& g, const E* image, Index row, const E* dy, float* dw) {
  const Pass pass = forward_pass(g);
  const Index channels = g.out_channels;
  for (Index p = 0; p < g.kernel_height; ++p) {
    const Index from_row = pass.rows.source<Direction::forward>(row, p);
    if (from_row < 0) continue;
    for (Index q = 0; q < g.kernel_width; ++q) {
      const auto source = [&](Index j) { return pass.columns.source<Direction::forward>(j, q); };
      Index first = 0, last = g.out_width;
      while (first < last && source(first) < 0) ++first;
      while (last > first && source(last - 1) < 0) --last;
      if (first == last) continue;
      add_products(image + (from_row * g.in_width + source(first)) * channels,
                   g.stride_width * channels, dy + first * channels, channels, last - first,
                   channels, dw + (p * g.kernel_width + q) * channels);
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
  return RowScratch::bytes(g, g.out_width);
}

void depthwise_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const float* x,
                       const float* w, const float* bias, bool relu, float* y, void* scratch) {
  const Pass pass = forward_pass(g);
  const RowScratch room(g, g.out_width, scratch);
  fill_masks<Direction::forward>(pass, room.masks);
  const bool plain = multiplier(g) == 1;
  const Index rows = plain ? 1 : g.out_height;  // of a unit
  for (Index row = first_unit * rows; row < last_unit * rows; ++row) {
    const float* image = x + row / g.out_height * g.in_image();
    if (!plain && row % g.out_height == 0) spread(g, image, room.spread);
    run_row<Direction::forward>(RowTask<float>{pass, room.masks, room.taps, plain ? image : room.spread, w, bias, relu,
                                               row % g.out_height, y + row * g.out_width * g.out_channels});
  }
}

Index depthwise_data_gradient_units(const Conv2DGeometry& g) {
  return multiplier(g) == 1 ? g.batch * g.in_height : g.batch;
}

std::size_t depthwise_data_gradient_scratch_bytes(const Conv2DGeometry& g) {
  return RowScratch::bytes(g, g.in_width);
}

void depthwise_data_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                             const float* dy, const float* w, float* dx, void* scratch) {
  const Pass pass = gradient_pass(g);
  const RowScratch room(g, g.in_width, scratch);
  fill_masks<Direction::data_gradient>(pass, room.masks);
  const bool plain = multiplier(g) == 1;
  const Index rows = plain ? 1 : g.in_height;
  const Index row_floats = g.in_width * g.out_channels;
  for (Index row = first_unit * rows; row < last_unit * rows; ++row) {
    const Index n = row / g.in_height, i = row % g.in_height;
    float* to = plain ? dx + row * row_floats : room.spread + i * row_floats;
    run_row<Direction::data_gradient>(
        RowTask<float>{pass, room.masks, room.taps, dy + n * g.out_image(), w, nullptr, false, i, to});
    if (!plain && i == g.in_height - 1) gather(g, room.spread, dx + n * g.in_image());
  }
}

std::size_t depthwise_weight_gradient_scratch_bytes(const Conv2DGeometry& g) {
  return static_cast<std::size_t>(spread_floats(g)) * sizeof(float);
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

bool depthwise_applies_to_bf16(const Conv2DGeometry& g) { return depthwise_applies(g) && multiplier(g) == 1; }

void depthwise_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const BFloat16* x, const float* w,
                       const float* bias, bool relu, BFloat16* y, void* scratch) {
  const Pass pass = forward_pass(g);
  const RowScratch room(g, g.out_width, scratch);
  fill_masks<Direction::forward>(pass, room.masks);
  for (Index row = first_unit; row < last_unit; ++row) {
    run_row<Direction::forward>(RowTask<BFloat16>{pass, room.masks, room.taps, x + row / g.out_height * g.in_image(), w,
                                                  bias, relu, row % g.out_height,
                                                  y + row * g.out_width * g.out_channels});
  }
}

void depthwise_data_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit, const BFloat16* dy,
                             const float* w, BFloat16* dx, void* scratch) {
  const Pass pass = gradient_pass(g);
  const RowScratch room(g, g.in_width, scratch);
  fill_masks<Direction::data_gradient>(pass, room.masks);
  for (Index row = first_unit; row < last_unit; ++row) {
    run_row<Direction::data_gradient>(RowTask<BFloat16>{pass, room.masks, room.taps,
                                                        dy + row / g.in_height * g.out_image(), w, nullptr, false,
                                                        row % g.in_height, dx + row * g.in_width * g.out_channels});
  }
}

void depthwise_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit, const BFloat16* x,
                               const BFloat16* dy, float* dw) {
  for (Index row = first_unit; row < last_unit; ++row) {
    add_row_gradient(g, x + row / g.out_height * g.in_image(), row % g.out_height,
                     dy + row * g.out_width * g.out_channels, dw);
  }
}

}  // namespace strata::kernels
